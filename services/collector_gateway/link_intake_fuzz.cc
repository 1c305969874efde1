// Any bytes as a monitor's batch: no crash, and the account still adds up.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/base/fake_clock.h"
#include "libs/event_bus/local_event_bus.h"
#include "services/collector_gateway/link_intake.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using daemoneye::gateway::LinkIntake;
  daemoneye::base::FakeClock clock;
  daemoneye::event_bus::LocalEventBus bus({}, clock);
  daemoneye::event::EventPool pool;
  LinkIntake intake(
      bus, pool, clock, {.max_event_bytes = 4096, .max_snapshot_events = 100},
      [](const daemoneye::v1::Origin& origin) -> std::optional<daemoneye::gateway::Rejection> {
        if (origin.stream_id() != "forged") return std::nullopt;
        return daemoneye::gateway::Rejection::kForgedOrigin;
      },
      [](const daemoneye::v1::StreamControl&) { return absl::OkStatus(); });
  intake.Begin("fuzz", "stream", 0);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  intake.AcceptBatch(bytes).IgnoreError();  // refusing is a fine answer
  intake.AcceptEvent(bytes).IgnoreError();
  uint64_t rejected = 0;
  for (const uint64_t n : intake.counts().rejected) rejected += n;
  if (intake.counts().received != intake.counts().accepted + rejected) std::abort();
  return 0;
}
