// OpenHistory: the statement that reads what a HistoryPlan asks for from the file.
//
// An origin is one look-up; a range of times, and an order by time, come from the index; keys are
// looked for in the blocks whose filters may hold them.
//
// Threads: compatible, with the connection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libs/storage/sqlite/connection.h"
#include "libs/storage/sqlite/history_plan.h"

namespace daemoneye::storage {

enum class HistoryOrder { kAny, kAscending, kDescending };

// A run of positions and what is known of its events: a row of `blocks`.
struct HistoryBlock {
  int64_t first = 0;
  int64_t last = 0;
  int64_t since = 0;
  int64_t until = 0;
  std::string filter;
};

// All blocks of the file. Throws as Connection does.
std::vector<HistoryBlock> ReadBlocks(Connection& c);

// The runs of positions that may hold what `plan` wants, as a JSON array of [first, last]; of how
// many blocks is put into `count`.
std::string RangesOf(const std::vector<HistoryBlock>& blocks, const HistoryPlan& plan,
                     size_t* count);

// Its text: selects position and payload. `has_ranges`: only within runs of positions, ?7.
std::string HistorySql(const HistoryPlan& plan, HistoryOrder order, bool has_ranges);

// The statement, bound. `blocks` is read when it is needed and empty. Throws as Connection does.
std::unique_ptr<SQLite::Statement> OpenHistory(Connection& c, const sql::EventTable& table,
                                               const HistoryPlan& plan, HistoryOrder order,
                                               std::vector<HistoryBlock>& blocks);

}  // namespace daemoneye::storage
