// Deduplicator: which matches were accepted lately, by key.
//
// Beyond max_entries the one that would expire first is forgotten and counted, so at worst an alert
// comes twice.
//
// Threads: compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"

namespace daemoneye::trigger {

class Deduplicator {
 public:
  explicit Deduplicator(size_t max_entries) : max_entries_(max_entries) {}

  // Whether `key` was recorded and has not expired.
  bool Contains(const std::string& key, base::Monotonic now);
  // Records `key` until `expiry`; replaces what was recorded.
  void Record(const std::string& key, base::Monotonic expiry);
  // Forgets every key that begins with `prefix`.
  void Forget(const std::string& prefix);

  size_t size() const { return entries_.size(); }
  uint64_t evicted() const { return evicted_; }

 private:
  using Order = std::multimap<base::Monotonic, std::string>;

  void Expire(base::Monotonic now);

  const size_t max_entries_;
  Order order_;  // by expiry
  absl::flat_hash_map<std::string, Order::iterator> entries_;
  uint64_t evicted_ = 0;
};

}  // namespace daemoneye::trigger
