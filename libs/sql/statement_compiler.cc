#include "libs/sql/statement_compiler.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/sql/bytecode.h"
#include "libs/sql/sql_error.h"
#include "libs/sql/sql_text.h"

namespace daemoneye::sql {
namespace {

// Statements that are named in their refusal; all others cannot begin a condition either.
constexpr auto kStatements = std::to_array<std::string_view>(
    {"ALTER", "ANALYZE", "ATTACH", "BEGIN", "COMMIT", "CREATE", "DELETE", "DETACH", "DROP",
     "EXPLAIN", "INSERT", "PRAGMA", "REINDEX", "RELEASE", "ROLLBACK", "SAVEPOINT", "UPDATE",
     "VACUUM"});

bool HasStatement(sqlite3* db, std::string_view text) {
  sqlite3_stmt* raw = nullptr;
  const char* tail = text.data();
  const char* const end = text.data() + text.size();
  int result = SQLITE_OK;
  while (result == SQLITE_OK && raw == nullptr && tail < end) {
    const char* const from = tail;
    result = sqlite3_prepare_v2(db, from, static_cast<int>(end - from), &raw, &tail);
    if (tail == from) break;
  }
  sqlite3_finalize(raw);
  return result != SQLITE_OK || raw != nullptr;
}

// Prepares `text`, which holds `sql` from byte `prefix` on.
absl::StatusOr<Statement> Prepare(GuardedConnection& connection, const std::string& text,
                                  std::string_view sql, size_t prefix) {
  connection.ForgetSeen();
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int result = sqlite3_prepare_v3(connection.db(), text.data(), static_cast<int>(text.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  Statement statement(raw);
  if (result != SQLITE_OK) return PrepareError(connection, sql, prefix);
  const std::string_view rest(tail, text.data() + text.size());
  if (HasStatement(connection.db(), rest)) {
    const size_t begin = std::min(rest.find_first_not_of(" \t\r\n;"), rest.size());
    return SqlError(connection.subject(), "only one statement is allowed, and a second begins",
                    text.size() - rest.size() + begin - prefix);
  }
  return statement;
}

// Without the semicolon that ends a statement.
std::string_view WithoutEnd(std::string_view sql) {
  const size_t last = sql.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos || sql[last] != ';' ? sql : sql.substr(0, last);
}

// A bare condition. It must stand alone, without its parentheses, and within them: what is valid in
// both is an expression, and nothing that closes the parenthesis and goes on.
absl::StatusOr<std::pair<Statement, std::string>> PrepareCondition(GuardedConnection& connection,
                                                                   std::string_view sql,
                                                                   const std::string& head) {
  const std::string plain = fmt::format("{}{}", head, sql);
  RETURN_IF_ERROR(Prepare(connection, plain, sql, head.size()).status());
  std::string text = fmt::format("{}({}\n)", head, sql);
  ASSIGN_OR_RETURN(Statement statement, Prepare(connection, text, sql, head.size() + 1));
  return std::pair(std::move(statement), std::move(text));
}

absl::StatusOr<std::pair<Statement, std::string>> PrepareSelect(GuardedConnection& connection,
                                                                std::string_view sql) {
  std::string text(sql);
  ASSIGN_OR_RETURN(Statement statement, Prepare(connection, text, sql, 0));
  return std::pair(std::move(statement), std::move(text));
}

// What SQLite does not say itself.
absl::Status CheckProgram(const Program& program, std::string_view sql,
                          GuardedConnection& connection, bool is_window) {
  const bool is_refused =
      connection.options().allows_aggregates ? AggregatesEvents(program) : HasAggregate(program);
  if (is_refused && !is_window) {
    std::optional<size_t> offset;
    for (const std::string_view word :
         {"count", "sum", "avg", "min", "max", "total", "group_concat", "group", "over"}) {
      if (!offset) offset = FindWord(sql, word);
    }
    return SqlError(connection.subject(), "aggregate", offset, connection.options().aggregate_hint);
  }
  for (const std::string& pattern : ConstantRegexps(program)) {
    const auto regexp = connection.regexps().Get(pattern);
    if (!regexp.ok()) {
      const size_t offset = sql.find(pattern);
      return SqlError(
          connection.subject(),
          std::string_view(regexp.status().message().data(), regexp.status().message().size()),
          offset == std::string_view::npos ? std::nullopt : std::optional(offset));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckText(const std::string& subject, std::string_view sql, bool is_condition_only) {
  if (sql.size() > kMaxStatementBytes) {
    return SqlError(subject, fmt::format("longer than {} bytes", kMaxStatementBytes),
                    kMaxStatementBytes);
  }
  if (const size_t nul = sql.find('\0'); nul != std::string_view::npos) {
    return SqlError(subject, "a NUL byte is not allowed", nul);
  }
  if (IsBlank(sql))
    return SqlError(subject, "empty", std::nullopt, "a condition or one SELECT is needed");
  const std::string word = FirstWord(sql);
  if (is_condition_only && IsSelect(sql)) {
    return SqlError(subject, "a SELECT is not allowed", FindWord(sql, word), "a condition is");
  }
  if (std::find(kStatements.begin(), kStatements.end(), word) != kStatements.end()) {
    return SqlError(subject, fmt::format("{} is not allowed", word), FindWord(sql, word),
                    "a condition or one SELECT is");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsSelect(std::string_view sql) {
  const std::string word = FirstWord(sql);
  return word == "SELECT" || word == "WITH" || word == "VALUES";
}

void StatementDeleter::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

absl::StatusOr<CompiledStatement> CompileStatement(std::string_view sql,
                                                   GuardedConnection& connection,
                                                   const CompileOptions& options) {
  const std::string& subject = connection.subject();
  RETURN_IF_ERROR(CheckText(subject, sql, options.is_condition_only));
  auto prepared = IsSelect(sql)
                      ? PrepareSelect(connection, sql)
                      : PrepareCondition(connection, WithoutEnd(sql), options.condition_head);
  if (!prepared.ok()) return prepared.status();
  auto& [statement, text] = *prepared;
  const Seen seen = connection.seen();
  if (!sqlite3_stmt_readonly(statement.get())) return SqlError(subject, "only reading is allowed");
  if (seen.table == nullptr) {
    return SqlError(subject, "no event table is read", std::nullopt, "such as process_events");
  }
  ASSIGN_OR_RETURN(Program program, Explain(connection.db(), text));
  RETURN_IF_ERROR(CheckProgram(program, sql, connection, options.is_window));
  const bool is_batch_independent = IsBatchIndependent(program);
  return CompiledStatement{.statement = std::move(statement),
                           .text = std::move(text),
                           .table = seen.table,
                           .live_tables = seen.live_tables,
                           .program = std::move(program),
                           .is_batch_independent = is_batch_independent};
}

}  // namespace daemoneye::sql
