#include "libs/storage/sqlite/query.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/storage/sqlite/query_connection.h"

namespace daemoneye::storage {
namespace {

using base::operator+;

constexpr int kReaderInstructionsPerCheck = 10'000;
// Of one message of rows; api: below 1 MiB, also with a row of many long texts.
constexpr int kMaxMessageRows = 1000;
constexpr size_t kMaxMessageBytes = 256 << 10;
constexpr absl::Duration kProgressInterval = absl::Seconds(1);

absl::Status InvalidField(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, what));
}

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

absl::Duration TimeoutOf(const v1::QueryRequest& request) {
  if (!request.has_timeout()) return kDefaultQueryTime;
  return absl::Seconds(request.timeout().seconds()) + absl::Nanoseconds(request.timeout().nanos());
}

absl::Status CheckRequest(const v1::QueryRequest& request) {
  if (request.sql().size() > kMaxQueryBytes) {
    return InvalidField(
        "sql", fmt::format("{} bytes, the bound is {}", request.sql().size(), kMaxQueryBytes));
  }
  if (request.parameters_size() > kMaxQueryParameters) {
    return InvalidField("parameters", fmt::format("more than {}", kMaxQueryParameters));
  }
  if (request.max_rows() > kMaxQueryRows) {
    return InvalidField("max_rows", fmt::format("more than {}", kMaxQueryRows));
  }
  const absl::Duration timeout = TimeoutOf(request);
  if (timeout <= absl::ZeroDuration() || timeout > kMaxQueryTime) {
    return InvalidField("timeout", "must be above 0 and at most 10 minutes");
  }
  return absl::OkStatus();
}

// Whether each parameter of the statement is one of `named`.
absl::Status CheckNames(sqlite3_stmt* statement, const NamedParameters& named) {
  const int count = sqlite3_bind_parameter_count(statement);
  for (int i = 1; i <= count; ++i) {
    const char* name = sqlite3_bind_parameter_name(statement, i);
    if (name != nullptr && named.contains(std::string_view(name))) continue;
    std::vector<std::string_view> names;
    for (const auto& [known, value] : named) names.push_back(known);
    const std::string_view sql = sqlite3_sql(statement);
    const size_t at = name == nullptr ? sql.find('?') : sql.find(name);
    return InvalidField("sql", fmt::format("unknown parameter {} at position {}: there are {}",
                                           name == nullptr ? "?" : name,
                                           at == sql.npos ? 1 : at + 1, fmt::join(names, ", ")));
  }
  return absl::OkStatus();
}

// One run of one statement.
class QueryRun {
 public:
  QueryRun(const v1::QueryRequest& request, const QueryContext& context)
      : request_(request),
        context_(context),
        deadline_(context.clock->MonotonicNow() + TimeoutOf(request)),
        max_rows_(request.max_rows() == 0 ? kDefaultQueryRows : request.max_rows()),
        memory_at_start_(sqlite3_memory_used()) {
    state_.events = context.events;
    state_.check = [this] { return Check(); };
    SetReaderCheck(OnReaderProgress);
  }
  ~QueryRun() { SetReaderCheck(nullptr); }

  absl::StatusOr<QueryOutcome> Run();

 private:
  // A sort or a long scan within the file, too, is cut off.
  static int OnReaderProgress(void* self) { return static_cast<QueryRun*>(self)->Check() ? 0 : 1; }
  void SetReaderCheck(int (*check)(void*)) {
    if (context_.events == nullptr) return;
    sqlite3_progress_handler(context_.events->db().getHandle(), kReaderInstructionsPerCheck, check,
                             this);
  }
  // False, with reason_ set, when the query has to end.
  bool Check();
  bool EndWith(absl::Status reason) {
    if (reason_.ok()) reason_ = std::move(reason);
    return false;
  }
  bool Flush();
  absl::Status Bind(sqlite3_stmt* statement);
  absl::Status BindCell(sqlite3_stmt* statement, int index, const v1::Cell& cell);
  absl::Status Step(sqlite3_stmt* statement);
  // False, with reason_ set: the row is too large.
  bool AddRow(sqlite3_stmt* statement);
  absl::Status Failure(sqlite3* db, int result);

  const v1::QueryRequest& request_;
  const QueryContext& context_;
  const base::Monotonic deadline_;
  const uint64_t max_rows_;
  const int64_t memory_at_start_;
  QueryState state_;
  absl::Status reason_;
  QueryOutcome outcome_;
  v1::QueryResponse pending_;
  size_t pending_bytes_ = 0;
  base::Monotonic told_at_;
};

bool QueryRun::Check() {
  if (!reason_.ok()) return false;
  if (context_.stop.stop_requested()) return EndWith(absl::CancelledError("the query was stopped"));
  const base::Monotonic now = context_.clock->MonotonicNow();
  if (now >= deadline_) {
    return EndWith(absl::DeadlineExceededError(
        fmt::format("the query took more than {}", absl::FormatDuration(TimeoutOf(request_)))));
  }
  if (sqlite3_memory_used() - memory_at_start_ > kMaxQueryMemoryBytes) {
    return EndWith(absl::ResourceExhaustedError(
        fmt::format("the query needs more than {} MiB", kMaxQueryMemoryBytes >> 20)));
  }
  if (now < told_at_ + kProgressInterval) return true;
  if (pending_.rows().rows_size() > 0) return Flush();
  v1::QueryResponse response;
  response.mutable_progress()->set_scanned(state_.scanned);
  response.mutable_progress()->set_rows(outcome_.rows);
  told_at_ = now;
  return context_.emit(response) || EndWith(absl::CancelledError("the caller has gone"));
}

bool QueryRun::Flush() {
  told_at_ = context_.clock->MonotonicNow();
  if (pending_.rows().rows_size() == 0) return true;
  const bool is_taken = context_.emit(pending_);
  pending_.mutable_rows()->clear_rows();
  pending_bytes_ = 0;
  return is_taken || EndWith(absl::CancelledError("the caller has gone"));
}

absl::Status QueryRun::Bind(sqlite3_stmt* statement) {
  const int wanted = sqlite3_bind_parameter_count(statement);
  if (context_.named != nullptr) {
    RETURN_IF_ERROR(CheckNames(statement, *context_.named));
    for (int i = 1; i <= wanted; ++i) {
      const char* name = sqlite3_bind_parameter_name(statement, i);
      RETURN_IF_ERROR(BindCell(statement, i, context_.named->find(name)->second));
    }
    return absl::OkStatus();
  }
  if (wanted != request_.parameters_size()) {
    return InvalidField("parameters", fmt::format("{} given, the statement has {}",
                                                  request_.parameters_size(), wanted));
  }
  for (int i = 0; i < wanted; ++i) {
    RETURN_IF_ERROR(BindCell(statement, i + 1, request_.parameters(i)));
  }
  return absl::OkStatus();
}

absl::Status QueryRun::BindCell(sqlite3_stmt* statement, int index, const v1::Cell& cell) {
  int result = SQLITE_OK;
  switch (cell.value_case()) {
    case v1::Cell::kInt64:
      result = sqlite3_bind_int64(statement, index, cell.int64());
      break;
    case v1::Cell::kDouble:
      result = sqlite3_bind_double(statement, index, cell.double_());
      break;
    case v1::Cell::kString:
      result = sqlite3_bind_text(statement, index, cell.string().data(),
                                 static_cast<int>(cell.string().size()), SQLITE_STATIC);
      break;
    case v1::Cell::kBytes:
      result = sqlite3_bind_blob(statement, index, cell.bytes().data(),
                                 static_cast<int>(cell.bytes().size()), SQLITE_STATIC);
      break;
    default:
      result = sqlite3_bind_null(statement, index);
  }
  if (result == SQLITE_OK) return absl::OkStatus();
  return InvalidField(fmt::format("parameters[{}]", index - 1), sqlite3_errstr(result));
}

bool QueryRun::AddRow(sqlite3_stmt* statement) {
  v1::QueryRow& row = *pending_.mutable_rows()->add_rows();
  const int columns = sqlite3_column_count(statement);
  for (int i = 0; i < columns; ++i) {
    v1::Cell& cell = *row.add_cells();
    const auto size = [&] { return static_cast<size_t>(sqlite3_column_bytes(statement, i)); };
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER:
        cell.set_int64(sqlite3_column_int64(statement, i));
        break;
      case SQLITE_FLOAT:
        cell.set_double_(sqlite3_column_double(statement, i));
        break;
      case SQLITE_TEXT: {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        // A cut through a character is no text any more, and would spoil the message.
        if (const std::string_view view(text, size()); base::IsUtf8(view)) {
          cell.set_string(std::string(view));
        } else {
          cell.set_bytes(std::string(view));
        }
        break;
      }
      case SQLITE_BLOB:
        cell.set_bytes(sqlite3_column_blob(statement, i), size());
        break;
      default:
        cell.set_null(true);
    }
  }
  const size_t bytes = row.ByteSizeLong();
  if (bytes > kMaxQueryRowBytes) {
    return EndWith(absl::ResourceExhaustedError(
        fmt::format("row {} of the answer has {} bytes, the bound is {}: select fewer columns",
                    outcome_.rows + 1, bytes, kMaxQueryRowBytes)));
  }
  ++outcome_.rows;
  pending_bytes_ += bytes;
  return true;
}

absl::Status QueryRun::Failure(sqlite3* db, int result) {
  if (!reason_.ok()) return reason_;
  if (!state_.failure.ok()) return state_.failure;
  const absl::StatusCode code = CodeOf(result);
  const std::string text = fmt::format("sql: {}", sqlite3_errmsg(db));
  if (code == absl::StatusCode::kDataLoss) return absl::DataLossError(text);
  if ((result & 0xFF) == SQLITE_NOMEM) return absl::ResourceExhaustedError(text);
  // What remains is the statement's own: a value that is too long, an overflow.
  return absl::InvalidArgumentError(text);
}

absl::Status QueryRun::Step(sqlite3_stmt* statement) {
  while (true) {
    const int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) break;
    if (result != SQLITE_ROW) return Failure(sqlite3_db_handle(statement), result);
    if (outcome_.rows >= max_rows_) {
      outcome_.truncated = true;
      break;
    }
    if (!AddRow(statement)) return reason_;
    const bool is_full =
        pending_.rows().rows_size() >= kMaxMessageRows || pending_bytes_ >= kMaxMessageBytes;
    if (is_full && !Flush()) return reason_;
    if (!Check()) return reason_;
  }
  return Flush() ? absl::OkStatus() : reason_;
}

absl::StatusOr<QueryOutcome> QueryRun::Run() {
  told_at_ = context_.clock->MonotonicNow();
  ASSIGN_OR_RETURN(std::unique_ptr<QueryConnection> connection,
                   QueryConnection::Open(*context_.tables, state_, context_.max_value_bytes));
  ASSIGN_OR_RETURN(sqlite3_stmt* const prepared, connection->Prepare(request_.sql()));
  const std::unique_ptr<sqlite3_stmt, StatementDeleter> statement(prepared);
  RETURN_IF_ERROR(Bind(prepared));
  v1::QueryResponse columns;
  for (int i = 0; i < sqlite3_column_count(prepared); ++i) {
    const char* name = sqlite3_column_name(prepared, i);
    columns.mutable_columns()->add_names(name == nullptr ? "" : name);
  }
  if (!context_.emit(columns)) return absl::CancelledError("the caller has gone");
  RETURN_IF_ERROR(Step(prepared));
  outcome_.has_read_observed = state_.has_read_observed;
  outcome_.unreadable = state_.unreadable;
  if (state_.since_ns <= state_.until_ns) {
    outcome_.has_read_events = true;
    outcome_.since =
        state_.since_ns == INT64_MIN ? absl::InfinitePast() : absl::FromUnixNanos(state_.since_ns);
    outcome_.until = state_.until_ns == INT64_MAX ? absl::InfiniteFuture()
                                                  : absl::FromUnixNanos(state_.until_ns);
  }
  return outcome_;
}

}  // namespace

absl::StatusOr<QueryOutcome> RunQuery(const v1::QueryRequest& request,
                                      const QueryContext& context) {
  RETURN_IF_ERROR(CheckRequest(request));
  QueryRun run(request, context);
  return run.Run();
}

absl::Status CheckQuery(const std::string& statement_text, const std::vector<RowTable>& tables,
                        const NamedParameters& named) {
  v1::QueryRequest request;
  request.set_sql(statement_text);
  RETURN_IF_ERROR(CheckRequest(request));
  QueryState state;
  state.is_check = true;
  state.check = [] { return true; };
  ASSIGN_OR_RETURN(const std::unique_ptr<QueryConnection> connection,
                   QueryConnection::Open(tables, state, sql::kMaxCellBytes));
  ASSIGN_OR_RETURN(sqlite3_stmt* const prepared, connection->Prepare(statement_text));
  const std::unique_ptr<sqlite3_stmt, StatementDeleter> statement(prepared);
  return CheckNames(prepared, named);
}

}  // namespace daemoneye::storage
