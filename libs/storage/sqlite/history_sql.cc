#include "libs/storage/sqlite/history_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "libs/storage/sqlite/event_columns.h"
#include "libs/storage/sqlite/key_filter.h"

namespace daemoneye::storage {
namespace {

// Blocks whose events are rather sorted than found in the order of time among all others.
constexpr size_t kMaxSortedBlocks = 16;

bool MayHold(const HistoryBlock& block, const HistoryPlan& plan) {
  return block.since <= plan.until && block.until >= plan.since &&
         std::ranges::all_of(plan.key_hashes,
                             [&](uint64_t hash) { return KeyFilter::MayHold(block.filter, hash); });
}

}  // namespace

std::vector<HistoryBlock> ReadBlocks(Connection& c) {
  std::vector<HistoryBlock> blocks;
  StatementUse read = c.Use("SELECT first, last, since, until, filter FROM blocks ORDER BY first");
  while (read->executeStep()) {
    blocks.push_back({.first = read->getColumn(0).getInt64(),
                      .last = read->getColumn(1).getInt64(),
                      .since = read->getColumn(2).getInt64(),
                      .until = read->getColumn(3).getInt64(),
                      .filter = std::string(BytesOf(read->getColumn(4)))});
  }
  return blocks;
}

std::string RangesOf(const std::vector<HistoryBlock>& blocks, const HistoryPlan& plan,
                     size_t* count) {
  std::string ranges = "[";
  int64_t first = 0, last = -1;
  const auto end_range = [&] {
    if (last < first) return;
    fmt::format_to(std::back_inserter(ranges), "{}[{},{}]", ranges.size() > 1 ? "," : "", first,
                   last);
  };
  *count = 0;
  for (const HistoryBlock& block : blocks) {  // by their first position
    if (!MayHold(block, plan)) continue;
    ++*count;
    if (last >= first && block.first <= last + 1) {
      last = std::max(last, block.last);
      continue;
    }
    end_range();
    first = block.first;
    last = block.last;
  }
  end_range();
  return ranges + "]";
}

std::string HistorySql(const HistoryPlan& plan, HistoryOrder order, bool has_ranges) {
  std::string sql = has_ranges
                        ? "SELECT position, payload FROM json_each(?7) AS r CROSS JOIN events"
                          " WHERE position BETWEEN r.value ->> 0 AND r.value ->> 1 AND kind"
                          " BETWEEN ?1 AND ?2"
                        : "SELECT position, payload FROM events WHERE kind BETWEEN ?1 AND ?2";
  const bool has_time = plan.since != INT64_MIN || plan.until != INT64_MAX;
  const bool is_by_time = (has_time || order != HistoryOrder::kAny) && !has_ranges;
  if (plan.stream_id.has_value()) {
    sql += " AND publisher = (SELECT publisher FROM publishers WHERE stream_id = ?5)";
    sql += plan.sequence.has_value() ? " AND sequence = ?6" : "";
    // The index of origins is the narrower one.
    sql += " AND +event_time BETWEEN ?3 AND ?4";
  } else {
    sql += is_by_time ? " AND event_time BETWEEN ?3 AND ?4" : " AND +event_time BETWEEN ?3 AND ?4";
  }
  if (order != HistoryOrder::kAny) {
    sql += order == HistoryOrder::kAscending ? " ORDER BY event_time" : " ORDER BY event_time DESC";
  }
  return sql;
}

std::unique_ptr<SQLite::Statement> OpenHistory(Connection& c, const sql::EventTable& table,
                                               const HistoryPlan& plan, HistoryOrder order,
                                               std::vector<HistoryBlock>& blocks) {
  std::string ranges;
  if (!plan.key_hashes.empty() && !plan.stream_id.has_value()) {
    if (blocks.empty()) blocks = ReadBlocks(c);
    size_t count = 0;
    ranges = RangesOf(blocks, plan, &count);
    if (order != HistoryOrder::kAny && count > kMaxSortedBlocks) ranges.clear();
  }
  auto rows = std::make_unique<SQLite::Statement>(c.db(), HistorySql(plan, order, !ranges.empty()));
  rows->bind(1, KindCode(table.kind, plan.action.value_or(0)));
  rows->bind(2, KindCode(table.kind, plan.action.value_or(255)));
  rows->bind(3, plan.since);
  rows->bind(4, plan.until);
  if (plan.stream_id.has_value()) {
    rows->bind(5, *plan.stream_id);
    if (plan.sequence.has_value()) rows->bind(6, *plan.sequence);
  }
  if (!ranges.empty()) rows->bind(7, ranges);
  return rows;
}

}  // namespace daemoneye::storage
