// KnownProcesses: what the gateway's log knows of processes without its being read: the last word
// on each that lives, and on those that ended lately.
#pragma once

#include "libs/event/event.h"
#include "libs/event_bus/event_bus.h"

namespace daemoneye::gateway {

// In order: what an event tells stands until a later one tells otherwise. Any thread.
event::EventList KnownProcesses(const event_bus::EventBus& bus);

}  // namespace daemoneye::gateway
