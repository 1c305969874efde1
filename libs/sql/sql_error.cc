#include "libs/sql/sql_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "libs/base/text.h"
#include "libs/sql/sql_text.h"

namespace daemoneye::sql {
namespace {

// Tables that conditions elsewhere can read.
constexpr auto kLiveTables = std::to_array<std::string_view>(
    {"processes", "connections", "hash_baseline", "lists", "alerts", "monitors", "audit"});

constexpr char kPositionPayload[] = "daemoneye.dev/sql.position";

struct Complaint {
  std::string what;
  // The word of the statement that is to blame.
  std::string word;
  // What would be right.
  std::string hint;
};

// What SQLite says without a place, and the word that it is about.
constexpr auto kAboutWords = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"HAVING clause", "HAVING"}, {"a GROUP BY clause", "GROUP"}, {"RIGHT and FULL", "JOIN"}});

// The first word of `sql` that begins as the names of SQLite's own settings do.
std::string PragmaTable(std::string_view sql) {
  std::string lower(sql);
  std::ranges::transform(lower, lower.begin(), absl::ascii_tolower);
  const size_t begin = lower.find("pragma_");
  if (begin == std::string::npos) return "";
  return lower.substr(begin, lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", begin) - begin);
}

// The rest of `message` behind `head`, if it begins with it.
std::optional<std::string> Behind(std::string_view message, std::string_view head) {
  if (!message.starts_with(head)) return std::nullopt;
  return std::string(message.substr(head.size()));
}

std::string DidYouMean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto nearest = Nearest(word, candidates);
  return nearest ? fmt::format("did you mean {}?", *nearest) : "";
}

Complaint UnknownColumn(std::string name, std::string_view sql, const EventTable* table) {
  const std::string whole = name;
  if (const size_t dot = name.rfind('.'); dot != std::string::npos) name.erase(0, dot + 1);
  Complaint complaint{
      .what = fmt::format("unknown column \"{}\"", name), .word = whole, .hint = ""};
  if (FindWord(sql, fmt::format("\"{}\"", name))) {
    complaint.hint = "texts stand in single quotes";
    return complaint;
  }
  for (const EventTable& other : EventTables()) {
    if (!other.FindColumn(name)) continue;
    complaint.hint = fmt::format("it is a column of {}", other.name);
    return complaint;
  }
  std::vector<std::string_view> columns;
  if (table == nullptr) table = FindEventTable("process_events");
  for (const Column& column : table->columns) columns.push_back(column.name());
  complaint.hint = DidYouMean(name, columns);
  return complaint;
}

Complaint UnknownTable(const std::string& name) {
  for (const std::string_view live : kLiveTables) {
    if (name != live) continue;
    return {.what = fmt::format("table {} cannot be read here", name),
            .word = name,
            .hint = "it is live state, and what is asked here sees events alone"};
  }
  std::vector<std::string_view> tables;
  for (const EventTable& table : EventTables()) tables.push_back(table.name);
  return {.what = fmt::format("unknown table \"{}\"", name),
          .word = name,
          .hint = DidYouMean(name, tables)};
}

Complaint Translate(const std::string& message, std::string_view sql,
                    const GuardedConnection& connection) {
  const Seen& seen = connection.seen();
  if (!seen.refusal.empty()) {
    const std::string word = seen.word.empty() ? PragmaTable(sql) : seen.word;
    return {.what = seen.refusal, .word = word, .hint = seen.hint};
  }
  if (auto name = Behind(message, "no such column: ")) {
    return UnknownColumn(*std::move(name), sql, seen.table);
  }
  if (auto name = Behind(message, "no such table: ")) return UnknownTable(*name);
  if (auto name = Behind(message, "no such function: ")) {
    return {fmt::format("function {}() is not allowed", *name), *name, ""};
  }
  if (message.starts_with("misuse of aggregate"))
    return {message, "", connection.options().aggregate_hint};
  if (message.starts_with("too many SQL variables") || message.starts_with("variable number")) {
    return {"a parameter has no value here", "", ""};
  }
  for (const auto& [head, word] : kAboutWords) {
    if (message.starts_with(head)) return {message, std::string(word), ""};
  }
  return {message, "", ""};
}

}  // namespace

absl::Status SqlError(std::string_view subject, std::string_view what, std::optional<size_t> offset,
                      std::string_view hint) {
  std::string text = fmt::format("{}: {}", subject, base::EscapeForTerminal(what));
  if (offset) fmt::format_to(std::back_inserter(text), " at position {}", *offset + 1);
  if (!hint.empty()) fmt::format_to(std::back_inserter(text), ": {}", hint);
  absl::Status status = absl::InvalidArgumentError(text);
  if (offset) status.SetPayload(kPositionPayload, absl::Cord(std::to_string(*offset + 1)));
  return status;
}

std::optional<uint32_t> PositionOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPositionPayload);
  if (!payload) return std::nullopt;
  return static_cast<uint32_t>(std::stoul(std::string(*payload)));
}

absl::Status PrepareError(GuardedConnection& connection, std::string_view sql, size_t prefix) {
  const int said = sqlite3_error_offset(connection.db());
  const std::string message = sqlite3_errmsg(connection.db());
  const Complaint complaint = Translate(message, sql, connection);
  std::optional<size_t> offset;
  if (said >= 0 && static_cast<size_t>(said) >= prefix) offset = said - prefix;
  if (!offset) offset = FindWord(sql, complaint.word);
  if (!offset && message == "incomplete input") offset = sql.size();
  if (offset && *offset > sql.size()) offset = sql.size();
  return SqlError(connection.subject(), complaint.what, offset, complaint.hint);
}

}  // namespace daemoneye::sql
