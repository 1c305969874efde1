// TableCounts: rows stored and let go of, by table, since the file was opened.
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "libs/storage/store.h"

namespace daemoneye::storage {

enum class StoreTable {
  kAlerts,
  kAudit,
  kDeliveries,
  kEvents,
  kExecutions,
  kLogs,
  kMarks,
  kMutes,
  kPublishers,
  kTriggers,
  kWorkflows,
};

class TableCounts {
 public:
  void AddStored(StoreTable table, uint64_t rows) { At(table).stored += rows; }
  void AddPruned(StoreTable table, uint64_t rows) { At(table).pruned += rows; }

  // By the table's name; every table is there.
  std::map<std::string, TableRows> rows() const {
    std::map<std::string, TableRows> rows;
    for (size_t i = 0; i < counts_.size(); ++i) {
      rows[kNames[i]] = {.stored = counts_[i].stored, .pruned = counts_[i].pruned};
    }
    return rows;
  }

 private:
  static constexpr size_t kTables = static_cast<size_t>(StoreTable::kWorkflows) + 1;
  static constexpr std::array<const char*, kTables> kNames = {
      "alerts", "audit", "deliveries", "events",   "executions", "logs",
      "marks",  "mutes", "publishers", "triggers", "workflows"};
  struct Counts {
    std::atomic<uint64_t> stored = 0;
    std::atomic<uint64_t> pruned = 0;
  };

  Counts& At(StoreTable table) { return counts_[static_cast<size_t>(table)]; }

  std::array<Counts, kTables> counts_;
};

}  // namespace daemoneye::storage
