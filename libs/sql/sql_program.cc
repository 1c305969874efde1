#include "libs/sql/sql_program.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "libs/base/status_macros.h"
#include "libs/sql/bytecode.h"
#include "libs/sql/sql_error.h"

namespace daemoneye::sql {

int ResultRow::size() const { return sqlite3_column_count(statement_); }

Cell ResultRow::Get(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      return {.type = CellType::kInteger, .integer = sqlite3_column_int64(statement_, column)};
    case SQLITE_FLOAT:
      return {.type = CellType::kReal, .real = sqlite3_column_double(statement_, column)};
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
      if (text == nullptr) return {};
      const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
      return {.type = CellType::kText, .text = {text, size}};
    }
    default:
      return {};
  }
}

std::string ResultRow::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return "";
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

absl::StatusOr<std::unique_ptr<SqlProgram>> SqlProgram::Compile(std::string_view sql,
                                                                GuardedConnection& connection,
                                                                const CompileOptions& options) {
  ASSIGN_OR_RETURN(CompiledStatement compiled, CompileStatement(sql, connection, options));
  std::unique_ptr<SqlProgram> program(new SqlProgram(connection, std::move(compiled)));
  RETURN_IF_ERROR(program->Try());
  program->Learn();
  program->NameResults();
  return program;
}

// What always fails, or takes for ever, is refused at once.
absl::Status SqlProgram::Try() {
  v1::CollectionEvent event;
  const auto* payload = v1::CollectionEvent::descriptor()->FindFieldByNumber(
      static_cast<int>(compiled_.table->payload));
  event.GetReflection()->MutableMessage(&event, payload);
  CellCache cells(*compiled_.table);
  const v1::CollectionEvent* only = &event;
  cells.Reset({&only, 1});
  const uint32_t place = 0;
  const absl::Status status =
      Run({.cells = &cells, .places = {&place, 1}}, [](size_t, const ResultRow&) { return true; });
  if (status.ok()) return status;
  return absl::InvalidArgumentError(status.message());
}

// Runs over no event and notes what each scan is given. Each scan of the program must have been
// met exactly once, or a value might be another the next time.
void SqlProgram::Learn() {
  const EventScans scans = FindEventScans(compiled_.program);
  needs_event_ = scans.are_needed;
  std::vector<LearnedScan> learned;
  EventRows& rows = connection_.rows();
  rows.learned = &learned;
  rows.events = {};
  connection_.budget().StartCall();
  int result = sqlite3_step(compiled_.statement.get());
  while (result == SQLITE_ROW) result = sqlite3_step(compiled_.statement.get());
  sqlite3_reset(compiled_.statement.get());
  rows.learned = nullptr;
  std::set<std::string> plans;
  for (const LearnedScan& scan : learned) plans.insert(scan.plan);
  const bool is_whole = result == SQLITE_DONE && learned.size() == plans.size() &&
                        static_cast<int>(learned.size()) == scans.count;
  if (!is_whole) return;
  for (LearnedScan& scan : learned) {
    std::erase_if(scan.constants, [&](const Constraint& term) {
      return term.op() == ConstraintOp::kIn && !scans.has_constant_lists;
    });
    if (scan.constants.empty()) {
      alternatives_.clear();
      return;
    }
    alternatives_.push_back(std::move(scan.constants));
  }
}

void SqlProgram::NameResults() {
  sqlite3_stmt* statement = compiled_.statement.get();
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const char* name = sqlite3_column_name(statement, i);
    result_names_.emplace_back(name == nullptr ? "" : name);
    const char* table = sqlite3_column_table_name(statement, i);
    const char* origin = sqlite3_column_origin_name(statement, i);
    size_t column = kNoColumn;
    if (table != nullptr && origin != nullptr && compiled_.table->name == table) {
      column = compiled_.table->FindColumn(origin).value_or(kNoColumn);
    }
    result_columns_.push_back(column);
  }
}

absl::Status SqlProgram::Run(const RunRows& run, const OnRow& on_row) {
  events_.clear();
  for (const uint32_t place : run.places) events_.push_back(run.cells->events()[place]);
  EventRows& rows = connection_.rows();
  rows.events = events_;
  rows.cells = run.cells;
  rows.places = run.places;
  rows.are_checked = run.are_checked;
  failure_ = Failure::kNone;
  connection_.budget().StartCall();
  sqlite3_stmt* statement = compiled_.statement.get();
  const ResultRow row(statement);
  int result = sqlite3_step(statement);
  for (; result == SQLITE_ROW; result = sqlite3_step(statement)) {
    const size_t at = rows.current;
    const size_t place = at < run.places.size() ? run.places[at] : EventRows::kNone;
    if (!on_row(place, row)) break;
  }
  absl::Status status;
  if (result != SQLITE_DONE && result != SQLITE_ROW) status = RunError(result);
  sqlite3_reset(statement);
  rows.events = {};
  rows.cells = nullptr;
  rows.places = {};
  rows.are_checked = false;
  return status;
}

absl::Status SqlProgram::RunError(int result) {
  if (result != SQLITE_INTERRUPT) {
    failure_ = Failure::kValues;
    return SqlError(connection_.subject(), sqlite3_errmsg(connection_.db()));
  }
  failure_ = Failure::kCutOff;
  const Budget& budget = connection_.budget();
  const GuardedConnectionOptions& options = connection_.options();
  if (budget.is_memory_exceeded()) {
    return absl::ResourceExhaustedError(fmt::format("{}: cut off after {} MiB of memory",
                                                    connection_.subject(),
                                                    options.memory_budget_bytes >> 20));
  }
  const bool is_call = budget.is_call_exceeded();
  return absl::ResourceExhaustedError(
      fmt::format("{}: cut off after {} of CPU time for one {}", connection_.subject(),
                  absl::FormatDuration(is_call ? options.call_budget : options.event_budget),
                  is_call ? "evaluation" : "event"));
}

bool MeetsAll(const Conjunction& terms, CellCache& cells, size_t row) {
  return std::ranges::all_of(terms, [&](const Constraint& term) {
    return term.MayHold(cells.Get(row, term.column_index()));
  });
}

bool MeetsAny(const std::vector<Conjunction>& alternatives, CellCache& cells, size_t row) {
  return std::ranges::any_of(alternatives,
                             [&](const Conjunction& terms) { return MeetsAll(terms, cells, row); });
}

}  // namespace daemoneye::sql
