// ProcessTable: the processes that scans saw and that have not been seen to be gone.
//
// At its bounds the oldest record is given up: of that process only the identity is kept, so that
// its STOP can still be told. Identities are bounded by the kernel's own limit of processes.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "libs/sources/process/process_record.h"

namespace daemoneye::process {

class ProcessTable {
 public:
  struct Entry {
    uint64_t start_ticks = 0;
    uint64_t order = 0;
    // Scan whose list of pids last held it.
    uint32_t listed_scan = 0;
    // Null: given up.
    std::unique_ptr<ProcessRecord> record;
  };
  using Map = absl::flat_hash_map<uint32_t, Entry>;

  ProcessTable(size_t max_records, size_t max_bytes)
      : max_records_(max_records), max_bytes_(max_bytes) {}

  Entry* Find(uint32_t pid) {
    const auto found = entries_.find(pid);
    return found == entries_.end() ? nullptr : &found->second;
  }
  const Entry* Find(uint32_t pid) const {
    const auto found = entries_.find(pid);
    return found == entries_.end() ? nullptr : &found->second;
  }
  const Map& entries() const { return entries_; }

  // Adds a record; its pid must not be there. Entries stay valid until the next Add.
  Entry& Add(std::unique_ptr<ProcessRecord> record);
  // Gives a record to an entry that was given up.
  void Restore(Entry& entry, std::unique_ptr<ProcessRecord> record);
  void Remove(uint32_t pid);

  // To be called when a record grew or shrank.
  void Resized(size_t old_bytes, size_t new_bytes) { bytes_ += new_bytes - old_bytes; }
  // Gives up the oldest records until the bounds hold. Returns how many.
  size_t Evict();
  // True when another record fits.
  bool HasRoom() const { return records_ < max_records_ && bytes_ < max_bytes_; }
  void SetBounds(size_t max_records, size_t max_bytes) {
    max_records_ = max_records;
    max_bytes_ = max_bytes;
  }

  size_t record_count() const { return records_; }
  size_t identity_count() const { return entries_.size() - records_; }
  size_t byte_size() const { return bytes_; }

 private:
  size_t max_records_;
  size_t max_bytes_;
  Map entries_;
  // Order and pid of each record, the oldest first; stale ones are passed over.
  std::deque<std::pair<uint64_t, uint32_t>> ages_;
  uint64_t next_order_ = 1;
  size_t records_ = 0;
  size_t bytes_ = 0;
};

}  // namespace daemoneye::process
