#include <algorithm>
#include <vector>

#include "fmt/format.h"
#include "tools/bench/child_process.h"
#include "tools/bench/rows.h"
#include "tools/bench/stream_client.h"

namespace daemoneye::bench {
namespace {

constexpr size_t kEvents = 256 * 400;
// Long enough that how a stream starts and ends does not decide, and the gateway's log holds it.
constexpr size_t kHopEvents = 256 * 1600;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

void AddStreamRows(const Setting& setting, Table& table) {
  const TempDirectory directory;
  const std::string typed_path = directory.File("typed.sock");
  const std::string ring_path = directory.File("ring.sock");
  const ChildProcess typed({setting.self, "--role=typed", typed_path, std::to_string(kEvents)},
                           directory.File("typed.log"));
  const ChildProcess ring({setting.self, "--role=ring", ring_path, std::to_string(kEvents)},
                          directory.File("ring.log"));
  AwaitSocket(typed_path, absl::Seconds(30));
  AwaitSocket(ring_path, absl::Seconds(30));
  const v1::StreamEventsRequest replay = ReplayRequest(ring_path);

  const struct {
    bool is_batched;
    int subscribers;
    double at_least;
  } cases[] = {{true, 1, 0.9}, {true, 10, 1.1}, {false, 1, 0.9}, {false, 10, 0.9}};
  for (const auto& c : cases) {
    std::vector<double> ours, floors;
    for (int round = 0; round < setting.rounds; ++round) {
      floors.push_back(EventsPerSecond({.path = typed_path,
                                        .is_batched = c.is_batched,
                                        .subscribers = c.subscribers,
                                        .events = kEvents,
                                        .request = {}}));
      ours.push_back(EventsPerSecond({.path = ring_path,
                                      .is_batched = c.is_batched,
                                      .subscribers = c.subscribers,
                                      .events = kEvents,
                                      .request = replay}));
    }
    table.Add(
        {.name = fmt::format("stream, {}, {} subscriber{}", c.is_batched ? "batched" : "one by one",
                             c.subscribers, c.subscribers == 1 ? "" : "s"),
         .value = Median(ours),
         .unit = "events/s",
         .against = "typed gRPC stream of the same events",
         .reference = Median(floors),
         .at_least = c.at_least,
         .at_most = {}});
  }
}

void AddHopRows(const Setting& setting, Table& table) {
  std::vector<double> one, two;
  for (int round = 0; round < setting.rounds; ++round) {
    const TempDirectory directory;
    const std::string ring_path = directory.File("ring.sock");
    const std::string gateway_path = directory.File("gateway.sock");
    const ChildProcess gateway(
        {setting.bin + "/services/collector_gateway/collector_gateway",
         "--listen=unix://" + gateway_path, "--monitors=unix://" + ring_path,
         "--metrics_address=", "--ring_bytes=256MiB", "--ring_events=1000000",
         // The stream alone: no store, no triggers.
         "--data_dir=", "--default_triggers=false"},
        directory.File("gateway.log"));
    AwaitSocket(gateway_path, absl::Seconds(30));
    // The gateway reads everything that the monitor holds as soon as it is there; the client waits
    // for it.
    const ChildProcess ring({setting.self, "--role=ring", ring_path, std::to_string(kHopEvents)},
                            directory.File("ring.log"));
    v1::StreamEventsRequest live;
    live.set_include_snapshot(false);
    two.push_back(EventsPerSecond({.path = gateway_path,
                                   .is_batched = true,
                                   .subscribers = 1,
                                   .events = kHopEvents,
                                   .request = live}));
    one.push_back(EventsPerSecond({.path = ring_path,
                                   .is_batched = true,
                                   .subscribers = 1,
                                   .events = kHopEvents,
                                   .request = ReplayRequest(ring_path)}));
  }
  table.Add({.name = "two hops, with validation",
             .value = Median(two),
             .unit = "events/s",
             .against = "one hop",
             .reference = Median(one),
             .at_least = 0.75,
             .at_most = {}});
}

}  // namespace daemoneye::bench
