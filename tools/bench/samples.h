// Events as procmond sends them, for benchmarks: about 450 bytes each.
#pragma once

#include "libs/event/event.h"

namespace daemoneye::bench {

// A START event of process `pid`, complete but for sequence and origin, which the bus sets.
event::Event SampleEvent(uint32_t pid);

// `count` of them.
event::EventList SampleEvents(size_t count);

}  // namespace daemoneye::bench
