// Event classes: the few dozen combinations of kind, action and `own` that filters by traits tell
// apart. Counting events by class keeps loss exact for every such filter, without their content.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>

#include "libs/event_bus/event_batch.h"

namespace daemoneye::event_bus {

inline constexpr size_t kClassKinds = 8;
// The last stands for every action that has no name here; filters do not tell those apart.
inline constexpr size_t kClassActions = 9;
inline constexpr size_t kClassCount = kClassKinds * kClassActions * 2;

using ClassCounts = std::array<uint64_t, kClassCount>;
using ClassMask = std::bitset<kClassCount>;

inline size_t ClassOf(const EventTraits& traits) {
  const size_t kind = traits.kind < kClassKinds ? traits.kind : 0;
  const size_t action = traits.action < kClassActions ? traits.action : kClassActions - 1;
  return (kind * kClassActions + action) * 2 + (traits.is_own ? 1 : 0);
}

}  // namespace daemoneye::event_bus
