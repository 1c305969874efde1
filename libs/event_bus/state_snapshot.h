// Turns the live state into the SNAPSHOT events that a stream begins with.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "libs/event_bus/event_selector.h"
#include "libs/event_bus/live_state.h"

namespace daemoneye::event_bus {

// Serialised events of the items that pass. Each says what is, not what happened: action SNAPSHOT,
// no sequence, no origin.sequence, nothing that belongs to a change.
std::vector<std::string> RenderSnapshot(std::span<const LiveState::Item> items,
                                        EventSelector& selector);

}  // namespace daemoneye::event_bus
