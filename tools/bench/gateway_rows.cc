// The real gateway between synthetic monitors and a file: how soon an alert is there, and what a
// long stream costs.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "daemoneye/v1/trigger_service.grpc.pb.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"
#include "tools/bench/bench_gateway.h"
#include "tools/bench/child_process.h"
#include "tools/bench/feed_server.h"
#include "tools/bench/rows.h"

namespace daemoneye::bench {
namespace {

constexpr double kMiB = 1 << 20;

uint64_t PublishedBy(const std::string& path) {
  const auto stub = v1::MonitorService::NewStub(
      grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials()));
  return Call(stub, &v1::MonitorService::Stub::NegotiateCapabilities,
              v1::NegotiateCapabilitiesRequest())
             .next_sequence() -
         1;
}

// How many of the monitor's events the gateway, its cursors and its triggers do not account for;
// waits a moment for the last to arrive.
uint64_t Unaccounted(const BenchGateway& gateway, uint64_t published) {
  const auto monitor = v1::MonitorService::NewStub(gateway.channel());
  v1::Accounting accounting;
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  uint64_t waiting = 1;
  while (waiting > 0 && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(100));
    accounting =
        Call(monitor, &v1::MonitorService::Stub::GetStatus, v1::GetStatusRequest()).accounting();
    waiting = accounting.observed() < published ? 1 : 0;
    for (const v1::SubscriberAccount& one : accounting.subscribers()) waiting += one.queued();
  }
  const auto apart = [](uint64_t a, uint64_t b) { return a > b ? a - b : b - a; };
  uint64_t shed = 0;
  for (const v1::DroppedCount& dropped : accounting.dropped()) shed += dropped.count();
  uint64_t lost = 0;
  for (const v1::SubscriberAccount& one : accounting.subscribers()) {
    lost += one.dropped() + one.queued();
  }
  v1::GetTriggerStatisticsRequest request;
  request.add_trigger_ids(kAlarmedTrigger);
  const auto statistics = Call(v1::TriggerService::NewStub(gateway.channel()),
                               &v1::TriggerService::Stub::GetTriggerStatistics, request)
                              .statistics();
  const uint64_t evaluated = statistics.empty() ? 0 : statistics[0].evaluated();
  const uint64_t unaccounted =
      apart(accounting.observed(), published) +
      apart(accounting.observed(), accounting.published() + accounting.filtered() + shed) + lost +
      (evaluated < published ? published - evaluated : 0);
  if (unaccounted != 0) {
    fmt::print(stderr, "bench: {} published, {} evaluated; the gateway's account:\n{}\n", published,
               evaluated, accounting.DebugString());
  }
  return unaccounted;
}

}  // namespace

void AddAlertRows(const Setting& setting, Table& table) {
  // What one collector may raise in a minute bounds what a monitor alone can show.
  const size_t count = setting.rounds == 1 ? 1 : 3;
  const int seconds = setting.rounds == 1 ? 6 : 18;
  constexpr int kAlarms = 5;
  const TempDirectory directory;
  std::vector<Feed> feeds;
  for (size_t i = 0; i < count; ++i) {
    feeds.push_back({.monitor = fmt::format("feed{}", i),
                     .rate = 1000 / static_cast<int>(count),
                     .alarms = kAlarms,
                     .seconds = seconds});
  }
  const BenchGateway gateway(setting, directory, {.monitors = feeds});
  std::vector<std::unique_ptr<ChildProcess>> processes;
  for (const Feed& feed : feeds) processes.push_back(StartFeed(setting, directory, feed));
  const size_t expected = count * seconds * kAlarms;
  std::vector<double> delays =
      AlertDelaysMs(gateway.alerts(), expected, absl::Seconds(seconds) + absl::Seconds(20));
  if (delays.size() < expected) {
    Die(fmt::format("{} of {} alerts arrived in the file", delays.size(), expected));
  }
  // The first tell how soon the gateway dials a monitor that was not there.
  constexpr ptrdiff_t kIgnored = 10;
  delays.erase(delays.begin(), delays.begin() + kIgnored);
  std::ranges::sort(delays);
  table.Add(Absolute(fmt::format("event to alert in a file, p50 of {}", delays.size()),
                     delays[delays.size() / 2], "ms"));
  Row slow = Absolute(fmt::format("event to alert in a file, p99 of {}", delays.size()),
                      delays[delays.size() * 99 / 100], "ms");
  slow.at_most = 1000;
  table.Add(std::move(slow));
}

void AddSoakRows(const Setting& setting, Table& table) {
  const TempDirectory directory;
  const Feed feed{
      .monitor = "feed", .rate = 5000, .alarms = 1, .seconds = setting.watch_seconds + 1};
  const BenchGateway gateway(setting, directory, {.monitors = {feed}});
  const auto source = StartFeed(setting, directory, feed);
  const absl::Time begin = absl::Now();
  // The log and the store's cache fill within a minute; what has ended is known for another.
  const int early = std::min(120, setting.watch_seconds / 2);
  absl::SleepFor(absl::Seconds(early));
  const double before = static_cast<double>(gateway.process().AnonymousBytes()) / kMiB;
  const absl::Duration cpu_before = gateway.process().CpuTime();
  const absl::Time middle = absl::Now();
  absl::SleepFor(begin + absl::Seconds(setting.watch_seconds) - absl::Now());
  const double after = static_cast<double>(gateway.process().AnonymousBytes()) / kMiB;
  const double percent =
      100 * absl::FDivDuration(gateway.process().CpuTime() - cpu_before, absl::Now() - middle);
  // Until the last was published.
  absl::SleepFor(begin + absl::Seconds(feed.seconds) + absl::Milliseconds(500) - absl::Now());
  const std::string what = fmt::format("gateway, {}/s, {} triggers", feed.rate, kBenchTriggers);
  table.Add(Absolute(what + ": CPU", percent, "% of core"));
  Row memory =
      Absolute(fmt::format("{}: anonymous after {} s", what, setting.watch_seconds), after, "MiB");
  memory.against = fmt::format("after {} s", early);
  memory.reference = before;
  if (early == 120) memory.at_most = 1.1;
  table.Add(std::move(memory));
  Row account =
      Absolute(what + ": unaccounted for",
               static_cast<double>(Unaccounted(gateway, PublishedBy(directory.File(feed.monitor)))),
               "events");
  account.at_most = 0;
  account.must_hold = true;
  table.Add(std::move(account));
}

}  // namespace daemoneye::bench
