#include "services/collector_gateway/query_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/type_text.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kMaxReasons = 20;
constexpr size_t kLossPage = 256;
constexpr size_t kMaxLosses = 10'000;
constexpr int kDefaultPageSize = 100;

void AddReason(std::string reason, v1::Completeness& out) {
  out.set_complete(false);
  if (out.reasons_size() < static_cast<int>(kMaxReasons)) out.add_reasons(std::move(reason));
}

v1::TableDescription Describe(const sql::EventTable& table) {
  v1::TableDescription out;
  out.set_name(table.name);
  out.set_description("A stored event of this kind; in a trigger or a filter the event at hand.");
  for (const char* use : {"query", "trigger", "filter"}) out.add_uses(use);
  for (const sql::Column& column : table.columns) {
    v1::ColumnDescription& added = *out.add_columns();
    added.set_name(column.name());
    added.set_type(sql::TypeText(column.type()));
    for (const std::string_view value : column.enum_values()) added.add_values(std::string(value));
  }
  return out;
}

v1::TableDescription Describe(const storage::RowTable& table) {
  v1::TableDescription out;
  out.set_name(table.name);
  out.set_description(table.description);
  out.set_live(table.is_live);
  out.add_uses("query");
  if (table.is_for_triggers) out.add_uses("trigger");
  for (const storage::RowColumn& column : table.columns) {
    v1::ColumnDescription& added = *out.add_columns();
    added.set_name(column.name);
    added.set_type(column.type);
    for (const std::string& value : column.values) added.add_values(value);
  }
  return out;
}

}  // namespace

absl::Status QueryEngine::Run(const v1::QueryRequest& request, std::stop_token stop,
                              const std::function<bool(const v1::QueryResponse&)>& emit) const {
  if (options_.store == nullptr) {
    return absl::FailedPreconditionError("nothing is stored: the gateway has no --data_dir");
  }
  return RunOver({.clock = &clock_, .stop = std::move(stop), .emit = emit}, request);
}

absl::Status QueryEngine::RunOver(storage::QueryContext context,
                                  const v1::QueryRequest& request) const {
  std::unique_ptr<storage::Connection> reader;
  if (options_.store != nullptr) {
    ASSIGN_OR_RETURN(reader, options_.store->OpenReader());
    // One transaction: all tables of events are of the same moment.
    RETURN_IF_ERROR(reader->Run([](storage::Connection& c) {
      c.db().exec("BEGIN");
      return absl::OkStatus();
    }));
  }
  const std::vector<storage::RowTable> tables = MakeQueryTables(options_.tables);
  context.events = reader.get();
  context.tables = &tables;
  ASSIGN_OR_RETURN(const storage::QueryOutcome outcome, storage::RunQuery(request, context));
  v1::QueryResponse last;
  v1::QueryEnd& end = *last.mutable_end();
  end.set_rows(outcome.rows);
  end.set_truncated(outcome.truncated);
  RETURN_IF_ERROR(FillCompleteness(outcome, *end.mutable_completeness()));
  return context.emit(last) ? absl::OkStatus() : absl::CancelledError("the caller has gone");
}

absl::StatusOr<QueryEngine::Answer> QueryEngine::Ask(const v1::QueryRequest& request,
                                                     std::stop_token stop,
                                                     const storage::NamedParameters* named,
                                                     size_t max_value_bytes) const {
  if (options_.store == nullptr && named == nullptr) {
    return absl::FailedPreconditionError("nothing is stored: the gateway has no --data_dir");
  }
  Answer answer;
  const auto take = [&](const v1::QueryResponse& response) {
    for (const std::string& name : response.columns().names()) answer.columns.push_back(name);
    for (const v1::QueryRow& row : response.rows().rows()) answer.rows.push_back(row);
    if (response.has_end()) answer.completeness = response.end().completeness();
    return true;
  };
  RETURN_IF_ERROR(RunOver({.clock = &clock_,
                           .stop = std::move(stop),
                           .emit = take,
                           .named = named,
                           .max_value_bytes = max_value_bytes},
                          request));
  return answer;
}

absl::Status QueryEngine::FillCompleteness(const storage::QueryOutcome& outcome,
                                           v1::Completeness& out) const {
  out.set_complete(true);
  if (!outcome.has_read_events && !outcome.has_read_observed) return absl::OkStatus();
  for (std::string& problem : options_.problems()) AddReason(std::move(problem), out);
  if (outcome.unreadable > 0) {
    AddReason(fmt::format("{} stored events are broken and left out", outcome.unreadable), out);
  }
  if (!outcome.has_read_events) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<storage::EventReader> losses,
                   options_.store->events().Read({.since = outcome.since,
                                                  .until = outcome.until + absl::Nanoseconds(1),
                                                  .kind = v1::EVENT_KIND_LOSS}));
  std::map<std::string, uint64_t> lost;
  size_t read = 0;
  while (read < kMaxLosses) {
    ASSIGN_OR_RETURN(const std::vector<v1::CollectionEvent> events, losses->Read(kLossPage));
    if (events.empty()) break;
    read += events.size();
    for (const v1::CollectionEvent& event : events) {
      const v1::LossEvent& loss = event.loss();
      const std::string what =
          fmt::format("{} at {} ({})", loss.monitor(), loss.stage(), loss.reason());
      lost[what] += loss.count();
    }
  }
  for (const auto& [what, count] : lost) {
    AddReason(count == 0 ? fmt::format("{}: an unknown number of events lost", what)
                         : fmt::format("{}: {} events lost", what, count),
              out);
  }
  if (read >= kMaxLosses) AddReason("more losses than were looked at", out);
  return absl::OkStatus();
}

absl::Status QueryEngine::Describe(const v1::DescribeTablesRequest& request,
                                   v1::DescribeTablesResponse& response) const {
  if (request.page_size() < 0) {
    return absl::InvalidArgumentError("page_size: must be 0 or more");
  }
  std::vector<v1::TableDescription> tables;
  for (const sql::EventTable& table : sql::EventTables()) {
    tables.push_back(gateway::Describe(table));
  }
  for (const storage::RowTable& table : MakeQueryTables(options_.tables)) {
    tables.push_back(gateway::Describe(table));
  }
  std::ranges::sort(tables, {}, [](const v1::TableDescription& t) { return t.name(); });
  const int page_size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  for (v1::TableDescription& table : tables) {
    if (table.name() <= request.page_token()) continue;
    if (response.tables_size() == page_size) {
      response.set_next_page_token(response.tables(page_size - 1).name());
      break;
    }
    *response.add_tables() = std::move(table);
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
