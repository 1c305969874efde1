// KeyFilter: which process keys and names may be among some two thousand stored events: a Bloom
// filter, so that a look-up passes over the blocks of the file that hold none.
//
// An index of its own would have every transaction write a page for nearly each of its events,
// since the keys of events that come together lie all over it; a filter is one row a block.
//
// Threads: compatible.
// Cost:    4 KiB; 2 % of the blocks that do not hold a key seem to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemoneye/v1/event.pb.h"

namespace daemoneye::storage {

// What is looked up.
enum class KeyColumn : uint8_t { kProcessKey = 1, kName = 2 };

// The same on every machine and in every version: it is in files.
uint64_t KeyHash(KeyColumn column, std::string_view text);

class KeyFilter {
 public:
  static constexpr size_t kBytes = 4096;
  // Events of a full block.
  static constexpr size_t kMaxEvents = 2048;

  KeyFilter() : bits_(kBytes, 0) {}

  void Add(uint64_t hash);
  // The keys of an event: of a process its key and name, of others the key of their process.
  void Add(const v1::CollectionEvent& event);

  // As it is stored.
  std::string_view bytes() const { return bits_; }

  // Whether the filter that was stored as `bytes` may hold `hash`; other than kBytes: it may hold
  // everything.
  static bool MayHold(std::string_view bytes, uint64_t hash);

 private:
  std::string bits_;
};

}  // namespace daemoneye::storage
