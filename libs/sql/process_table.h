// ProcessTable: the live table `processes`: the last word on each living process of all hosts, as
// the events tell it, and what ended lately.
//
// An ended process stays for a while with `end_time`. Time is that of the events, which only moves
// on, so that what a statement sees does not depend on how events were batched.
//
// Threads: compatible. Copyable, for whom nothing changes it.
// Cost:    0.4 µs an event. Bounded in rows and bytes: the process that was longest silent is
//          forgotten and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"
#include "libs/sql/live_table.h"

namespace daemoneye::sql {

struct ProcessTableOptions {
  size_t max_rows = 100'000;
  size_t max_bytes = 256 << 20;
  absl::Duration keep_ended = absl::Seconds(60);
};

class ProcessTable final : public LiveTable {
 public:
  explicit ProcessTable(const ProcessTableOptions& options);

  // Takes in an event; of a process without a process_key nothing is known. Times beyond `now_ns`
  // do not move the table's.
  void Apply(const v1::CollectionEvent& event,
             int64_t now_ns = std::numeric_limits<int64_t>::max());

  // Forgets every process.
  void Clear();

  bool Knows(const std::string& process_key) const { return by_key_.contains(process_key); }

  // Forgets the living processes of a monitor on a host whose last word came in none of `streams`,
  // those that are told now: the monitor began again, and they ended while nobody looked. How many.
  size_t ForgetUntold(const std::string& host, const std::string& monitor,
                      const std::set<std::string>& streams);

  const std::string& name() const override;
  std::span<const LiveColumn> columns() const override;
  size_t slots() const override { return rows_.size(); }
  bool HasRow(size_t slot) const override;
  Cell Get(size_t slot, size_t column, std::string* scratch) const override;
  std::span<const uint32_t> Find(size_t column, const Cell& value) const override;

  // The table's columns, and the value of one in a row whose last word is `event`, which
  // ended at `end_ns` (nullopt: it lives).
  static std::span<const LiveColumn> Columns();
  static Cell Value(const v1::CollectionEvent& event, std::optional<int64_t> end_ns, size_t column,
                    std::string* scratch);
  // Of a row that HasRow: its last word, and when it ended.
  const v1::CollectionEvent& event(size_t slot) const { return rows_[slot].event; }
  std::optional<int64_t> end_ns(size_t slot) const {
    if (rows_[slot].end_ns == kLiving) return std::nullopt;
    return rows_[slot].end_ns;
  }

  size_t rows() const { return by_key_.size(); }
  size_t bytes() const { return bytes_; }
  uint64_t evicted() const { return evicted_; }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr size_t kIndices = 5;

  struct Row {
    v1::CollectionEvent event;
    int64_t end_ns = kLiving;
    size_t bytes = 0;
    uint64_t hashes[kIndices] = {};
    bool is_indexed[kIndices] = {};
    // The rows in the order they were heard of.
    uint32_t older = kNone;
    uint32_t newer = kNone;
    bool is_used = false;
  };
  static constexpr int64_t kLiving = std::numeric_limits<int64_t>::max();

  uint32_t FindOrAdd(const std::string& key);
  void End(Row& row, const v1::CollectionEvent& event, int64_t time_ns);
  void Index(uint32_t slot);
  void Charge(Row& row);
  void Unlink(uint32_t slot);
  void LinkNewest(uint32_t slot);
  void Erase(uint32_t slot);
  void ForgetEnded();
  bool IsExpired(const Row& row) const;

  const ProcessTableOptions options_;
  const int64_t keep_ended_ns_;
  std::deque<Row> rows_;
  std::vector<uint32_t> free_;
  absl::flat_hash_map<std::string, uint32_t> by_key_;
  CellIndex indices_[kIndices];
  std::deque<std::pair<int64_t, std::string>> ended_;  // in the order they were told
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
  int64_t now_ns_ = std::numeric_limits<int64_t>::min();
  size_t bytes_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace daemoneye::sql
