#include "libs/storage/sqlite/sqlite_execution_store.h"

#include <algorithm>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/event/event_builder.h"
#include "libs/storage/sqlite/event_columns.h"

namespace daemoneye::storage {
namespace {

template <typename Message>
absl::Status Parse(std::string_view bytes, const char* what, Message& message) {
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::OkStatus();
  }
  return absl::DataLossError(fmt::format("a stored {} does not parse", what));
}

}  // namespace

absl::Status SqliteExecutionStore::PutWorkflow(const v1::Workflow& workflow) {
  const std::string bytes = workflow.SerializeAsString();
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse put = c.Use("INSERT OR REPLACE INTO workflows(id, payload) VALUES(?1, ?2)");
    put.BindText(1, workflow.id());
    put.BindBytes(2, bytes);
    put->exec();
    return absl::OkStatus();
  }));
  file_.counts().AddStored(StoreTable::kWorkflows, 1);
  return absl::OkStatus();
}

absl::Status SqliteExecutionStore::DeleteWorkflow(std::string_view id) {
  return file_.Write([&](Connection& c) -> absl::Status {
    StatementUse erase = c.Use("DELETE FROM workflows WHERE id = ?1");
    erase.BindText(1, id);
    if (erase->exec() > 0) return absl::OkStatus();
    return absl::NotFoundError(fmt::format("no workflow {}", id));
  });
}

absl::StatusOr<std::vector<v1::Workflow>> SqliteExecutionStore::ListWorkflows() const {
  std::vector<v1::Workflow> workflows;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use("SELECT payload FROM workflows ORDER BY id");
    while (read->executeStep()) {
      RETURN_IF_ERROR(Parse(BytesOf(read->getColumn(0)), "workflow", workflows.emplace_back()));
    }
    return absl::OkStatus();
  }));
  return workflows;
}

absl::Status SqliteExecutionStore::Save(std::span<const v1::WorkflowExecution* const> executions) {
  std::vector<std::string> payloads;
  payloads.reserve(executions.size());
  for (const v1::WorkflowExecution* execution : executions) {
    payloads.push_back(execution->SerializeAsString());
  }
  uint64_t added = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    added = 0;
    // The number of one that is known stays what it was.
    StatementUse update = c.Use("UPDATE executions SET status = ?1, payload = ?2 WHERE id = ?3");
    StatementUse insert = c.Use(
        "INSERT INTO executions(status, payload, id, workflow, created)"
        " VALUES(?1, ?2, ?3, ?4, ?5)");
    const auto bind = [&](StatementUse& use, size_t i) {
      use->bind(1, static_cast<int>(executions[i]->status()));
      use.BindBytes(2, payloads[i]);
      use.BindText(3, executions[i]->id());
    };
    for (size_t i = 0; i < executions.size(); ++i) {
      bind(update, i);
      const bool is_known = update->exec() > 0;
      update->tryReset();
      if (is_known) continue;
      bind(insert, i);
      insert.BindText(4, executions[i]->workflow_id());
      insert->bind(5, ToStoredTime(event::ToTime(executions[i]->created_at())));
      insert->exec();
      insert->tryReset();
      ++added;
    }
    return absl::OkStatus();
  }));
  file_.counts().AddStored(StoreTable::kExecutions, added);
  return absl::OkStatus();
}

absl::StatusOr<v1::WorkflowExecution> SqliteExecutionStore::Get(std::string_view id) const {
  v1::WorkflowExecution execution;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use("SELECT payload FROM executions WHERE id = ?1");
    read.BindText(1, id);
    if (!read->executeStep()) return absl::NotFoundError(fmt::format("no execution {}", id));
    return Parse(BytesOf(read->getColumn(0)), "execution", execution);
  }));
  return execution;
}

absl::StatusOr<std::vector<StoredExecution>> SqliteExecutionStore::List(
    const ExecutionQuery& query) const {
  std::vector<StoredExecution> found;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use(
        "SELECT number, workflow, status, payload FROM executions WHERE number < ?1"
        " ORDER BY number DESC");
    read->bind(1, query.before == 0 ? INT64_MAX : static_cast<int64_t>(query.before));
    while (found.size() < query.max && read->executeStep()) {
      const auto status = static_cast<v1::ExecutionStatus>(read->getColumn(2).getInt());
      if (!query.workflow_id.empty() && read->getColumn(1).getString() != query.workflow_id) {
        continue;
      }
      if (!query.statuses.empty() && std::ranges::count(query.statuses, status) == 0) continue;
      StoredExecution& stored = found.emplace_back();
      stored.number = static_cast<uint64_t>(read->getColumn(0).getInt64());
      RETURN_IF_ERROR(Parse(BytesOf(read->getColumn(3)), "execution", stored.execution));
    }
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<std::vector<v1::WorkflowExecution>> SqliteExecutionStore::Unfinished() const {
  std::vector<v1::WorkflowExecution> unfinished;
  RETURN_IF_ERROR(file_.Read([&](Connection& c) -> absl::Status {
    StatementUse read = c.Use("SELECT payload FROM executions WHERE status <= ?1 ORDER BY number");
    read->bind(1, static_cast<int>(v1::EXECUTION_STATUS_RUNNING));
    while (read->executeStep()) {
      RETURN_IF_ERROR(Parse(BytesOf(read->getColumn(0)), "execution", unfinished.emplace_back()));
    }
    return absl::OkStatus();
  }));
  return unfinished;
}

absl::StatusOr<uint64_t> SqliteExecutionStore::Prune(absl::Time before, uint64_t max_kept,
                                                     size_t max) {
  uint64_t pruned = 0;
  RETURN_IF_ERROR(file_.Write([&](Connection& c) {
    StatementUse erase = c.Use(
        "DELETE FROM executions WHERE number IN (SELECT number FROM executions"
        " WHERE status > ?1 AND (created < ?2 OR number <= (SELECT max(number) FROM executions)"
        " - ?3) ORDER BY number LIMIT ?4)");
    erase->bind(1, static_cast<int>(v1::EXECUTION_STATUS_RUNNING));
    erase->bind(2, ToStoredTime(before));
    erase->bind(3, static_cast<int64_t>(max_kept));
    erase->bind(4, static_cast<int64_t>(max));
    pruned = static_cast<uint64_t>(erase->exec());
    return absl::OkStatus();
  }));
  file_.counts().AddPruned(StoreTable::kExecutions, pruned);
  return pruned;
}

}  // namespace daemoneye::storage
