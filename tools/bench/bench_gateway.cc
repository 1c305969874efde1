#include "tools/bench/bench_gateway.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "libs/trigger/typical_conditions.h"

namespace daemoneye::bench {

void Die(const std::string& what) {
  fmt::print(stderr, "bench: {}\n", what);
  std::exit(1);
}

BenchGateway::BenchGateway(const Setting& setting, const TempDirectory& directory,
                           const BenchGatewaySpec& spec)
    : alerts_(directory.File("alerts.jsonl")) {
  nlohmann::json config;
  for (int i = 0; i < kBenchTriggers; ++i) {
    config["triggers"].push_back(
        {{"id", fmt::format("t{}", i)},
         {"condition", {{"sql", trigger::TypicalCondition(i, /*has_joins=*/true)}}},
         {"priority", "CRITICAL"},
         {"rate_per_minute", 10'000},
         {"severity", "HIGH"}});
    if (i == 0 && !spec.workflow.empty()) config["triggers"][0]["workflow"] = spec.workflow;
  }
  config["sinks"] = {{{"name", "file"}, {"type", "file"}, {"path", alerts_}}};
  const std::string file = directory.File("gateway.yaml");
  std::ofstream(file) << config.dump();
  std::vector<std::string> addresses;
  for (const Feed& feed : spec.monitors) {
    addresses.push_back("unix://" + directory.File(feed.monitor));
  }
  const std::string path = directory.File("gateway.sock");
  const std::string operators = directory.File("operator.sock");
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{setting.bin + "/services/collector_gateway/collector_gateway",
                               "--listen=unix://" + path, "--operator_listen=unix://" + operators,
                               fmt::format("--monitors={}", fmt::join(addresses, ",")),
                               fmt::format("--analyzers={}", fmt::join(spec.analyzers, ",")),
                               "--metrics_address=127.0.0.1:0",
                               "--data_dir=" + directory.File("data"), "--default_triggers=false",
                               "--config=" + file},
      directory.File("gateway.log"));
  if (!AwaitSocket(path, absl::Seconds(30))) Die("the gateway does not answer");
  channel_ = grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials());
  operator_channel_ = grpc::CreateChannel("unix:" + operators, grpc::InsecureChannelCredentials());
}

std::unique_ptr<ChildProcess> StartFeed(const Setting& setting, const TempDirectory& directory,
                                        const Feed& feed) {
  auto process = std::make_unique<ChildProcess>(
      std::vector<std::string>{setting.self, "--role=feed", directory.File(feed.monitor),
                               FeedText(feed)},
      directory.File(feed.monitor + ".log"));
  if (!AwaitSocket(directory.File(feed.monitor), absl::Seconds(30))) Die("a feed does not answer");
  return process;
}

std::vector<double> AlertDelaysMs(const std::string& path, size_t count, absl::Duration patience) {
  std::vector<double> delays;
  const absl::Time deadline = absl::Now() + patience;
  std::ifstream file;
  std::string text;
  while (delays.size() < count && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(1));
    if (!file.is_open()) file.open(path);
    if (!file.is_open()) continue;
    file.clear();
    text.append(std::istreambuf_iterator<char>(file), {});
    const absl::Time now = absl::Now();
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      const auto alert = nlohmann::json::parse(text.substr(0, end), nullptr, false);
      text.erase(0, end + 1);
      const std::string key = alert.is_object() ? alert.value("process_key", "") : "";
      if (!key.starts_with(kAlarmingKey)) continue;
      const absl::Time then =
          absl::FromUnixNanos(std::strtoll(key.c_str() + sizeof(kAlarmingKey) - 1, nullptr, 10));
      delays.push_back(absl::ToDoubleMilliseconds(now - then));
    }
  }
  return delays;
}

Row Absolute(std::string name, double value, std::string unit) {
  return {.name = std::move(name),
          .value = value,
          .unit = std::move(unit),
          .against = "",
          .reference = {},
          .at_least = {},
          .at_most = {}};
}

}  // namespace daemoneye::bench
