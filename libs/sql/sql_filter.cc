#include "libs/sql/sql_filter.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/sql/guarded_connection.h"
#include "libs/sql/sql_error.h"
#include "libs/sql/statement_compiler.h"

namespace daemoneye::sql {

static_assert(kMaxFilterSqlBytes == kMaxStatementBytes);

class SqlFilter::Impl {
 public:
  Impl(std::unique_ptr<GuardedConnection> connection, CompiledStatement compiled,
       const SqlFilterOptions& options)
      : connection_(std::move(connection)), compiled_(std::move(compiled)), options_(options) {}

  // Runs once over an event that says nothing: what always fails, or takes for ever, is refused at
  // once.
  absl::Status Try();
  absl::Status Match(std::span<const v1::CollectionEvent* const> events, std::vector<bool>* passes);

  const CompiledStatement& compiled() const { return compiled_; }
  uint64_t failed_events() const { return failed_events_; }

 private:
  void Select(std::span<const v1::CollectionEvent* const> events);
  absl::Status RunBatch(std::vector<bool>* passes);
  absl::Status RunEach(std::vector<bool>* passes);
  absl::StatusOr<bool> RunOne(const v1::CollectionEvent* event);
  absl::Status RunError(int result);

  // In this order: the statement ends before its connection.
  std::unique_ptr<GuardedConnection> connection_;
  CompiledStatement compiled_;
  const SqlFilterOptions options_;
  uint64_t failed_events_ = 0;
  // The events of the table's kind, and where they stand among all.
  std::vector<const v1::CollectionEvent*> selected_;
  std::vector<size_t> places_;
};

void SqlFilter::Impl::Select(std::span<const v1::CollectionEvent* const> events) {
  selected_.clear();
  places_.clear();
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i]->payload_case() != compiled_.table->payload) continue;
    selected_.push_back(events[i]);
    places_.push_back(i);
  }
}

absl::Status SqlFilter::Impl::Try() {
  v1::CollectionEvent event;
  const auto* payload = v1::CollectionEvent::descriptor()->FindFieldByNumber(
      static_cast<int>(compiled_.table->payload));
  event.GetReflection()->MutableMessage(&event, payload);
  connection_->budget().StartCall();
  const auto result = RunOne(&event);
  if (result.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(result.status().message());
}

absl::Status SqlFilter::Impl::Match(std::span<const v1::CollectionEvent* const> events,
                                    std::vector<bool>* passes) {
  passes->assign(events.size(), false);
  Select(events);
  if (selected_.empty()) return absl::OkStatus();
  connection_->budget().StartCall();
  // What fails for one event of a batch is then found, and fails, alone.
  const bool is_batch = compiled_.is_batch_independent && selected_.size() > 1;
  if (is_batch && RunBatch(passes).ok()) return absl::OkStatus();
  return RunEach(passes);
}

absl::Status SqlFilter::Impl::RunBatch(std::vector<bool>* passes) {
  sqlite3_stmt* statement = compiled_.statement.get();
  EventRows& rows = connection_->rows();
  rows.events = selected_;
  int result = sqlite3_step(statement);
  for (; result == SQLITE_ROW; result = sqlite3_step(statement)) {
    if (rows.current == EventRows::kNone) break;  // not as the bytecode promised: row by row
    (*passes)[places_[rows.current]] = true;
  }
  absl::Status status = result == SQLITE_DONE ? absl::OkStatus() : RunError(result);
  sqlite3_reset(statement);
  rows.events = {};
  return status;
}

absl::Status SqlFilter::Impl::RunEach(std::vector<bool>* passes) {
  absl::Status first;
  for (size_t i = 0; i < selected_.size(); ++i) {
    if ((*passes)[places_[i]]) continue;
    const absl::StatusOr<bool> result = RunOne(selected_[i]);
    if (result.ok()) {
      (*passes)[places_[i]] = *result;
    } else {
      ++failed_events_;
      first.Update(result.status());
    }
  }
  return first;
}

absl::StatusOr<bool> SqlFilter::Impl::RunOne(const v1::CollectionEvent* event) {
  Budget& budget = connection_->budget();
  budget.StartEvent();
  if (!budget.Check()) return RunError(SQLITE_INTERRUPT);
  sqlite3_stmt* statement = compiled_.statement.get();
  EventRows& rows = connection_->rows();
  rows.events = {&event, 1};
  const int result = sqlite3_step(statement);
  absl::Status status;
  if (result != SQLITE_ROW && result != SQLITE_DONE) status = RunError(result);
  sqlite3_reset(statement);
  rows.events = {};
  if (!status.ok()) return status;
  return result == SQLITE_ROW;
}

absl::Status SqlFilter::Impl::RunError(int result) {
  if (result == SQLITE_INTERRUPT) {
    return absl::ResourceExhaustedError(
        connection_->budget().is_call_exceeded()
            ? fmt::format("filter.sql: cut off after {} of CPU time for one call",
                          absl::FormatDuration(options_.call_budget))
            : fmt::format("filter.sql: cut off after {} of CPU time for one event",
                          absl::FormatDuration(options_.event_budget)));
  }
  return SqlError(connection_->subject(), sqlite3_errmsg(connection_->db()));
}

SqlFilter::SqlFilter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqlFilter::~SqlFilter() = default;

absl::StatusOr<std::unique_ptr<SqlFilter>> SqlFilter::Create(std::string_view sql,
                                                             const SqlFilterOptions& options) {
  ASSIGN_OR_RETURN(auto connection, GuardedConnection::Open({.event_budget = options.event_budget,
                                                             .call_budget = options.call_budget}));
  ASSIGN_OR_RETURN(CompiledStatement compiled, CompileStatement(sql, *connection, {}));
  auto impl = std::make_unique<Impl>(std::move(connection), std::move(compiled), options);
  RETURN_IF_ERROR(impl->Try());
  return std::unique_ptr<SqlFilter>(new SqlFilter(std::move(impl)));
}

absl::Status SqlFilter::Match(std::span<const v1::CollectionEvent* const> events,
                              std::vector<bool>* passes) {
  return impl_->Match(events, passes);
}

v1::EventKind SqlFilter::kind() const { return impl_->compiled().table->kind; }
bool SqlFilter::is_batch_independent() const { return impl_->compiled().is_batch_independent; }
uint64_t SqlFilter::failed_events() const { return impl_->failed_events(); }

}  // namespace daemoneye::sql
