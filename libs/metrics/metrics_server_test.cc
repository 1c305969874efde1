#include "libs/metrics/metrics_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "libs/base/clock.h"
#include "libs/metrics/loopback_client.h"

namespace daemoneye::metrics {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<MetricsServer> StartServer(const Registry& registry) {
  return MetricsServer::Start("127.0.0.1:0", registry).value();
}

absl::Duration TimeToStop(MetricsServer& server) {
  const base::Monotonic start = base::Clock::Real().MonotonicNow();
  server.Stop();
  return base::Elapsed(start, base::Clock::Real().MonotonicNow());
}

TEST(MetricsServerTest, AnswersAScrapeAndTellsItsPort) {
  Registry registry;
  registry.AddCounter("events_total", "Events.").Increment(3);
  const std::unique_ptr<MetricsServer> server = StartServer(registry);
  EXPECT_NE(server->port(), 0);
  EXPECT_EQ(server->address(), "127.0.0.1:" + std::to_string(server->port()));
  const std::string answer = HttpGet(server->port(), "/metrics");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr("text/plain"));
  EXPECT_THAT(answer, HasSubstr("daemoneye_events_total 3\n"));
  EXPECT_THAT(HttpGet(server->port(), "/etc/passwd"), HasSubstr("404"));
}

TEST(MetricsServerTest, NoAddressIsNoServer) {
  Registry registry;
  EXPECT_EQ(MetricsServer::Start("", registry).value(), nullptr);
}

TEST(MetricsServerTest, ABusyPortIsAClearError) {
  Registry registry;
  const std::unique_ptr<MetricsServer> first = StartServer(registry);
  const absl::Status status = MetricsServer::Start(first->address(), registry).status();
  EXPECT_EQ(status, absl::UnavailableError("metrics_address=" + first->address() +
                                           ": the port is busy; give another one, or 0 to pick "
                                           "one"));
}

TEST(MetricsServerTest, RefusesWhatIsNoAddress) {
  Registry registry;
  for (const char* text : {"9464", "localhost", "127.0.0.1:0,8080", "/tmp/x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(MetricsServer::Start(text, registry).status())) << text;
  }
}

TEST(MetricsServerTest, TheRegistryMayEndFirst) {
  auto registry = std::make_unique<Registry>();
  registry->AddCounter("events_total", "Events.");
  const std::unique_ptr<MetricsServer> server = StartServer(*registry);
  registry.reset();
  EXPECT_THAT(HttpGet(server->port(), "/metrics"), HasSubstr("daemoneye_events_total 0\n"));
}

// The vendor's own end takes 2 s; ours milliseconds, or half a second with a silent client. The
// bound leaves room for a busy machine.
TEST(MetricsServerTest, StopsSoonWhateverCameBefore) {
  const struct {
    const char* name;
    absl::Duration at_most;
    std::optional<std::string> half_request;
    bool is_scraped;
  } cases[] = {
      {"idle", absl::Milliseconds(950), std::nullopt, false},
      {"just scraped", absl::Milliseconds(950), std::nullopt, true},
      {"silent client", absl::Milliseconds(950), "", false},
      {"half a request", absl::Milliseconds(950), "GET /met", false},
  };
  for (const auto& c : cases) {
    Registry registry;
    const std::unique_ptr<MetricsServer> server = StartServer(registry);
    base::UniqueFd client;
    if (c.half_request) {
      client = ConnectLoopback(server->port());
      ASSERT_EQ(write(client.get(), c.half_request->data(), c.half_request->size()),
                static_cast<ssize_t>(c.half_request->size()));
    }
    if (c.is_scraped) HttpGet(server->port(), "/metrics");
    EXPECT_LT(TimeToStop(*server), c.at_most) << c.name;
    EXPECT_FALSE(ConnectLoopback(server->port()).valid()) << c.name;
    EXPECT_LT(TimeToStop(*server), absl::Milliseconds(100)) << c.name;
  }
}

TEST(MetricsServerTest, GarbageHurtsNobody) {
  Registry registry;
  registry.AddCounter("events_total", "Events.");
  const std::unique_ptr<MetricsServer> server = StartServer(registry);
  const base::UniqueFd client = ConnectLoopback(server->port());
  const std::string garbage(1000, '\xff');
  ASSERT_GT(write(client.get(), garbage.data(), garbage.size()), 0);
  EXPECT_THAT(HttpGet(server->port(), "/metrics"), HasSubstr("daemoneye_events_total"));
}

}  // namespace
}  // namespace daemoneye::metrics
