// Deduplicator: holds back alerts like one that was raised a moment ago, and counts them.
//
// A key's window begins with the alert that was accepted, not with the last one held back: what
// goes on is told again once a window, with the number that was held back since.
//
// Threads:    thread-compatible.
// Cost:       a hash lookup; at most `capacity` keys are known. The one whose window began first
//             makes room, and what it had held back is counted as forgotten.
#pragma once

#include <cstdint>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace daemoneye::alerting {

class Deduplicator {
 public:
  explicit Deduplicator(size_t capacity) : capacity_(capacity) {}

  // True when `key` is within the window of an accepted alert: counts it, or the `count` that it
  // stands for, as held back.
  bool HoldsBack(const std::string& key, base::Monotonic now, uint64_t count = 1);

  // Alerts with `key` that were held back since the last accepted one.
  uint64_t held_back(const std::string& key) const;

  // An alert with `key` was accepted: begins a window and forgets what was held back. `id` tells
  // the alert from others like it; may be empty.
  void Accept(const std::string& key, absl::Duration window, base::Monotonic now,
              const std::string& id = "");
  // Whether the window of `key` is that of alert `id`.
  bool IsOf(const std::string& key, const std::string& id) const;

  size_t size() const { return entries_.size(); }
  // Held back, and never told since the key had to make room.
  uint64_t forgotten() const { return forgotten_; }

 private:
  struct Entry {
    base::Monotonic until;
    uint64_t held_back = 0;
    std::string id;
    std::list<std::string>::iterator order;
  };

  void MakeRoom();

  const size_t capacity_;
  absl::flat_hash_map<std::string, Entry> entries_;
  std::list<std::string> by_start_;  // keys, the oldest window first
  uint64_t forgotten_ = 0;
};

}  // namespace daemoneye::alerting
