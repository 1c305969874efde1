#include "libs/sql/filter_compiler.h"

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
#include "libs/sql/sql_filter.h"
#include "libs/sql/sql_text.h"

namespace daemoneye::sql {
namespace {

// What a bare condition stands behind. That it yields a row is all that is asked of it.
constexpr std::string_view kConditionHead = "SELECT 1 FROM process_events WHERE ";

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
    return SqlError("only one statement is allowed, and a second begins",
                    text.size() - rest.size() + begin - prefix);
  }
  return statement;
}

// A bare condition. It must stand alone, without its parentheses, and within them: what is valid in
// both is an expression, and nothing that closes the parenthesis and goes on.
absl::StatusOr<std::pair<Statement, std::string>> PrepareCondition(GuardedConnection& connection,
                                                                   std::string_view sql) {
  const std::string plain = fmt::format("{}{}", kConditionHead, sql);
  RETURN_IF_ERROR(Prepare(connection, plain, sql, kConditionHead.size()).status());
  std::string text = fmt::format("{}({}\n)", kConditionHead, sql);
  ASSIGN_OR_RETURN(Statement statement, Prepare(connection, text, sql, kConditionHead.size() + 1));
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
                          GuardedConnection& connection) {
  if (HasAggregate(program)) {
    std::optional<size_t> offset = FindWord(sql, "min");
    if (!offset) offset = FindWord(sql, "max");
    return SqlError("aggregate", offset, "it needs window, which a filter does not have");
  }
  for (const std::string& pattern : ConstantRegexps(program)) {
    const auto regexp = connection.regexps().Get(pattern);
    if (!regexp.ok()) {
      const size_t offset = sql.find(pattern);
      return SqlError(
          std::string_view(regexp.status().message().data(), regexp.status().message().size()),
          offset == std::string_view::npos ? std::nullopt : std::optional(offset));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckText(std::string_view sql) {
  if (sql.size() > kMaxFilterSqlBytes) {
    return SqlError(fmt::format("longer than {} bytes", kMaxFilterSqlBytes), kMaxFilterSqlBytes);
  }
  if (const size_t nul = sql.find('\0'); nul != std::string_view::npos) {
    return SqlError("a NUL byte is not allowed", nul);
  }
  if (IsBlank(sql)) return SqlError("empty", std::nullopt, "a condition or one SELECT is needed");
  const std::string word = FirstWord(sql);
  if (std::find(kStatements.begin(), kStatements.end(), word) != kStatements.end()) {
    return SqlError(fmt::format("{} is not allowed", word), FindWord(sql, word),
                    "a condition or one SELECT is");
  }
  return absl::OkStatus();
}

bool IsSelect(std::string_view sql) {
  const std::string word = FirstWord(sql);
  return word == "SELECT" || word == "WITH" || word == "VALUES";
}

}  // namespace

void StatementDeleter::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

absl::StatusOr<CompiledFilter> CompileFilter(std::string_view sql, GuardedConnection& connection) {
  RETURN_IF_ERROR(CheckText(sql));
  auto prepared =
      IsSelect(sql) ? PrepareSelect(connection, sql) : PrepareCondition(connection, sql);
  if (!prepared.ok()) return prepared.status();
  auto& [statement, text] = *prepared;
  const EventTable* table = connection.seen().table;
  if (!sqlite3_stmt_readonly(statement.get())) return SqlError("only reading is allowed");
  if (table == nullptr)
    return SqlError("no event table is read", std::nullopt, "such as process_events");
  ASSIGN_OR_RETURN(const Program program, Explain(connection.db(), text));
  RETURN_IF_ERROR(CheckProgram(program, sql, connection));
  return CompiledFilter{.statement = std::move(statement),
                        .table = table,
                        .is_batch_independent = IsBatchIndependent(program)};
}

}  // namespace daemoneye::sql
