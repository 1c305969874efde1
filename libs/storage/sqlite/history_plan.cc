#include "libs/storage/sqlite/history_plan.h"

#include <algorithm>
#include <string_view>

#include "libs/event/event.h"
#include "libs/storage/sqlite/key_filter.h"

namespace daemoneye::storage {
namespace {

// By the path of its field: a payload's column may have taken the envelope's name.
int FindByPath(const sql::EventTable& table, std::initializer_list<std::string_view> path) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const auto& fields = table.columns[i].path();
    const bool is_it = std::equal(fields.begin(), fields.end(), path.begin(), path.end(),
                                  [](const auto* field, std::string_view name) {
                                    return std::string_view(field->name()) == name;
                                  });
    if (is_it) return static_cast<int>(i);
  }
  return -1;
}

std::string_view TextOf(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return text == nullptr ? std::string_view()
                         : std::string_view(text, static_cast<size_t>(sqlite3_value_bytes(value)));
}

}  // namespace

SearchColumns::SearchColumns(const sql::EventTable& table)
    : event_time(FindByPath(table, {"event_time"})),
      stream_id(FindByPath(table, {"origin", "stream_id"})),
      sequence(FindByPath(table, {"origin", "sequence"})) {
  const auto& payload = table.columns.front().path().front()->name();
  action = FindByPath(table, {payload, "action"});
  process_key = FindByPath(table, {payload, "process_key"});
  if (payload == "process") name = FindByPath(table, {payload, "name"});
}

bool HistoryPlan::Narrow(const sql::EventTable& table, const SearchColumns& columns,
                         sql::ConstraintOp op, int column, sqlite3_value* value) {
  if (op == sql::ConstraintOp::kIn) return false;
  if (column == columns.event_time) return NarrowTime(op, value);
  if (op != sql::ConstraintOp::kEq) return false;
  if (column == columns.action) return NarrowAction(table, value);
  if (sqlite3_value_type(value) == SQLITE_TEXT) {
    if (column == columns.process_key) {
      key_hashes.push_back(KeyHash(KeyColumn::kProcessKey, TextOf(value)));
    } else if (column == columns.name) {
      key_hashes.push_back(KeyHash(KeyColumn::kName, TextOf(value)));
    }
  }
  if (column == columns.stream_id && sqlite3_value_type(value) == SQLITE_TEXT) {
    const std::string text(TextOf(value));
    is_empty |= stream_id.has_value() && *stream_id != text;
    stream_id = text;
    return true;
  }
  if (column == columns.sequence && sqlite3_value_type(value) == SQLITE_INTEGER) {
    const int64_t number = sqlite3_value_int64(value);
    is_empty |= sequence.has_value() && *sequence != number;
    sequence = number;
    return true;
  }
  return false;
}

bool HistoryPlan::NarrowTime(sql::ConstraintOp op, sqlite3_value* value) {
  if (sqlite3_value_type(value) != SQLITE_INTEGER) return false;
  const int64_t time = sqlite3_value_int64(value);
  switch (op) {
    case sql::ConstraintOp::kEq:
      since = std::max(since, time);
      until = std::min(until, time);
      return true;
    case sql::ConstraintOp::kGt:
    case sql::ConstraintOp::kGe:
      since = std::max(since, time);
      return true;
    case sql::ConstraintOp::kLt:
    case sql::ConstraintOp::kLe:
      until = std::min(until, time);
      return true;
    default:
      return false;
  }
}

bool HistoryPlan::NarrowAction(const sql::EventTable& table, sqlite3_value* value) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) return false;
  const std::string_view text = TextOf(value);
  // 255 stands for whatever has no number of its own in the file.
  for (int number = 1; number < 255; ++number) {
    const std::string_view name = event::ActionName(table.kind, number);
    if (name.empty()) break;
    if (name != text) continue;
    is_empty |= action.has_value() && *action != number;
    action = number;
    return true;
  }
  return false;
}

}  // namespace daemoneye::storage
