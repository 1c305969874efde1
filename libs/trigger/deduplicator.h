// Deduplicator: which matches were accepted lately, by key, and how many like them were held back.
//
// Beyond max_entries the one that would be forgotten first is, and is counted, so at worst an alert
// comes twice.
//
// Threads: compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace daemoneye::trigger {

class Deduplicator {
 public:
  // How long after its end a key is remembered that held something back, to tell the next match.
  static constexpr absl::Duration kRemember = absl::Hours(1);

  explicit Deduplicator(size_t max_entries) : max_entries_(max_entries) {}

  // Whether `key` was recorded and has not expired; counts it as held back then.
  bool HoldsBack(const std::string& key, base::Monotonic now);
  // Held back since `key` was recorded last.
  uint64_t held_back(const std::string& key) const;
  // Records `key` until `expiry`; replaces what was recorded.
  void Record(const std::string& key, base::Monotonic expiry);
  // Forgets every key that begins with `prefix`.
  void Forget(const std::string& prefix);

  size_t size() const { return entries_.size(); }
  uint64_t evicted() const { return evicted_; }

 private:
  using Order = std::multimap<base::Monotonic, std::string>;
  struct Entry {
    Order::iterator order;
    base::Monotonic expiry;
    uint64_t held_back = 0;
  };

  void ForgetUntil(base::Monotonic now);

  const size_t max_entries_;
  Order order_;  // by when they are forgotten
  absl::flat_hash_map<std::string, Entry> entries_;
  uint64_t evicted_ = 0;
};

}  // namespace daemoneye::trigger
