#include "tools/bench/ring_server.h"

#include <unistd.h>

#include <algorithm>

#include "libs/event_bus/local_event_bus.h"
#include "tools/bench/bench_monitor.h"
#include "tools/bench/samples.h"

namespace daemoneye::bench {

void ServeRing(const std::string& path, size_t events) {
  constexpr size_t kBatch = 256;  // as the typed server
  event_bus::LocalEventBus bus(
      {.monitor = "procmond", .host = "host", .ring_bytes = size_t{1} << 30}, base::Clock::Real());
  for (size_t done = 0; done < events; done += kBatch) {
    bus.Publish(SampleEvents(std::min(kBatch, events - done)));
  }
  const BenchMonitor monitor(bus, "procmond", path);
  while (true) pause();
}

}  // namespace daemoneye::bench
