// How an event's columns look in the file.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "libs/event/event.h"

namespace daemoneye::storage {

// A position of the file: the log, then the sequence in it.
inline constexpr int kSequenceBits = 40;
inline constexpr uint64_t kMaxLogSequence = (uint64_t{1} << kSequenceBits) - 1;

constexpr int64_t PositionOf(int64_t log, uint64_t sequence) {
  return (log << kSequenceBits) | static_cast<int64_t>(sequence);
}
constexpr uint64_t SequenceOf(int64_t position) {
  return static_cast<uint64_t>(position) & kMaxLogSequence;
}

constexpr int kActionBits = 8;
constexpr int64_t KindCode(int kind, int action) { return (int64_t{kind} << kActionBits) | action; }

inline int64_t KindCodeOf(const event::Event& event) {
  const int action = event::ActionOf(event);
  return KindCode(event::KindOf(event), action >= 0 && action < 256 ? action : 255);
}

inline int64_t EventTimeNs(const event::Event& event) {
  return event.event_time().seconds() * 1'000'000'000 + event.event_time().nanos();
}

// ns since 1970, the ends of time at the ends of the range.
inline int64_t ToStoredTime(absl::Time time) { return absl::ToUnixNanos(time); }

}  // namespace daemoneye::storage
