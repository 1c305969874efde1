// What a server with a metric of every kind answers, read by Prometheus' own checker.

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "libs/metrics/loopback_client.h"
#include "libs/metrics/metrics_server.h"
#include "libs/metrics/process_metrics.h"

namespace daemoneye::metrics {
namespace {

// Exit status and output of `promtool check metrics` on `page`.
std::pair<int, std::string> CheckMetrics(const std::string& page) {
  const std::string path = testing::TempDir() + "/page.txt";
  std::ofstream(path) << page;
  FILE* pipe = popen(("promtool check metrics < '" + path + "' 2>&1").c_str(), "r");
  std::string output;
  char buffer[4096];
  for (size_t count; (count = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.append(buffer, count);
  }
  return {pclose(pipe), output};
}

TEST(PromtoolTest, HasNothingToSayOfAPageWithEveryKind) {
  Registry registry;
  const std::vector<CallbackHandle> process = AddProcessMetrics(registry);
  registry.AddCounters("events_dropped_total", "Events shed.",
                       {{"stage", {"kernel", "intake"}}, {"reason", {"full"}}});
  registry.AddGauge("build_info", "Version.", {{"version", "0.1 \"x\"\n"}}).Set(1);
  registry.AddHistogram("event_latency_seconds", "Latency.", LatencyBuckets()).Observe(0.1);
  const CallbackHandle length =
      registry.AddCallback("queue_length", "Queued.", MetricType::kGauge,
                           [](const SampleSink& sink) { sink({{"queue", "intake"}}, 0.25); });
  const auto server = MetricsServer::Start("127.0.0.1:0", registry).value();

  HttpGet(server->port(), "/metrics");  // the vendor's own metrics count from the second on
  const std::string answer = HttpGet(server->port(), "/metrics");
  const size_t body = answer.find("\r\n\r\n");
  ASSERT_NE(body, std::string::npos);
  const auto [status, output] = CheckMetrics(answer.substr(body + 4));
  EXPECT_EQ(output, "");
  EXPECT_EQ(status, 0);
}

TEST(PromtoolTest, SeesAPageThatIsWrong) {
  const auto [status, output] = CheckMetrics("daemoneye_events_total{ 1\n");
  EXPECT_NE(status, 0);
  EXPECT_NE(output, "");
}

}  // namespace
}  // namespace daemoneye::metrics
