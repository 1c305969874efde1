#include "libs/sql/sql_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <string>
#include <vector>

#include "libs/base/text.h"
#include "libs/sql/sql_text.h"

namespace daemoneye::sql {
namespace {

// Tables that conditions elsewhere can read.
constexpr auto kLiveTables = std::to_array<std::string_view>(
    {"processes", "connections", "hash_baseline", "lists", "alerts", "monitors", "audit"});

struct Complaint {
  std::string what;
  std::string word;
};

// The rest of `message` behind `head`, if it begins with it.
std::optional<std::string> Behind(std::string_view message, std::string_view head) {
  if (!message.starts_with(head)) return std::nullopt;
  return std::string(message.substr(head.size()));
}

std::string WithNearest(std::string what, std::string_view word,
                        const std::vector<std::string_view>& candidates) {
  const auto nearest = Nearest(word, candidates);
  return nearest ? fmt::format("{} (did you mean {}?)", what, *nearest) : what;
}

Complaint UnknownColumn(std::string name, std::string_view sql, const EventTable* table) {
  const std::string whole = name;
  if (const size_t dot = name.rfind('.'); dot != std::string::npos) name.erase(0, dot + 1);
  std::string what = fmt::format("unknown column \"{}\"", name);
  if (FindWord(sql, fmt::format("\"{}\"", name))) {
    return {what + ": texts stand in single quotes", whole};
  }
  std::vector<std::string_view> columns;
  if (table == nullptr) table = FindEventTable("process_events");
  for (const Column& column : table->columns) columns.push_back(column.name());
  return {WithNearest(std::move(what), name, columns), whole};
}

Complaint UnknownTable(const std::string& name) {
  for (const std::string_view live : kLiveTables) {
    if (name == live) {
      return {fmt::format("table {} holds live state, which a filter cannot read", name), name};
    }
  }
  std::vector<std::string_view> tables;
  for (const EventTable& table : EventTables()) tables.push_back(table.name);
  return {WithNearest(fmt::format("unknown table \"{}\"", name), name, tables), name};
}

Complaint Translate(const std::string& message, std::string_view sql, const Seen& seen) {
  if (!seen.refusal.empty()) return {seen.refusal, seen.word};
  if (auto name = Behind(message, "no such column: ")) {
    return UnknownColumn(*std::move(name), sql, seen.table);
  }
  if (auto name = Behind(message, "no such table: ")) return UnknownTable(*name);
  if (auto name = Behind(message, "no such function: ")) {
    return {fmt::format("function {}() is not allowed", *name), *std::move(name)};
  }
  if (message.starts_with("misuse of aggregate")) {
    return {message + ": it needs window, which a filter does not have", ""};
  }
  if (message.starts_with("too many SQL variables") || message.starts_with("variable number")) {
    return {"a parameter has no value here", ""};
  }
  return {message, ""};
}

}  // namespace

absl::Status SqlError(std::string_view what, std::optional<size_t> offset) {
  const std::string text = base::EscapeForTerminal(what);
  return absl::InvalidArgumentError(
      offset ? fmt::format("filter.sql: {} at position {}", text, *offset + 1)
             : fmt::format("filter.sql: {}", text));
}

absl::Status PrepareError(GuardedConnection& connection, std::string_view sql, size_t prefix) {
  const int said = sqlite3_error_offset(connection.db());
  const Complaint complaint = Translate(sqlite3_errmsg(connection.db()), sql, connection.seen());
  std::optional<size_t> offset;
  if (said >= 0 && static_cast<size_t>(said) >= prefix) offset = said - prefix;
  if (!offset) offset = FindWord(sql, complaint.word);
  if (offset && *offset > sql.size()) offset = sql.size();
  return SqlError(complaint.what, offset);
}

}  // namespace daemoneye::sql
