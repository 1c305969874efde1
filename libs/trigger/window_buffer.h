// WindowBuffer: the events of the last `window` that a trigger's statement can see.
//
// Threads:   compatible.
// Ownership: shares the events with other windows.
// Cost:      bounded in events and bytes; beyond, the oldest are dropped and counted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"

namespace daemoneye::trigger {

// An event that windows share.
struct SharedEvent {
  std::shared_ptr<const v1::CollectionEvent> event;
  absl::Time time;
  size_t bytes = 0;
};

// A copy of `event` with its time: event_time, or observed_time where that is more than 24 h off.
SharedEvent ShareEvent(const v1::CollectionEvent& event);

class WindowBuffer {
 public:
  static constexpr size_t kMaxEvents = 100'000;
  static constexpr size_t kMaxBytes = 64 << 20;
  static constexpr size_t kMaxKeys = 1'000;

  explicit WindowBuffer(absl::Duration window)
      : window_(window), step_(std::max(absl::Seconds(1), window / 10)) {}

  void Add(const SharedEvent& event);

  // How many evaluations that nobody asked for in time are made up for.
  static constexpr int kMaxMadeUp = 60;

  // The next time at which an evaluation is due at `now`, if one is; to be asked again until none
  // is. Multiples of the step, so that every run over the same events evaluates at the same times.
  bool IsDue(absl::Time now, absl::Time* at);
  // Lets go what lies before [at - window, at) and returns what lies in it.
  std::vector<const SharedEvent*> Select(absl::Time at);

  // Whether `key` matches now and did not at the evaluation before. EndEvaluation ends one.
  bool IsNew(const std::string& key);
  void EndEvaluation();

  size_t events() const { return events_.size(); }
  size_t bytes() const { return bytes_; }
  uint64_t dropped() const { return dropped_; }
  absl::Duration window() const { return window_; }

 private:
  absl::Duration window_;
  absl::Duration step_;
  std::deque<SharedEvent> events_;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;
  absl::Time last_ = absl::InfinitePast();
  std::set<std::string> keys_before_;
  std::set<std::string> keys_now_;
};

}  // namespace daemoneye::trigger
