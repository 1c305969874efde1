// QueryEngine: GatewayService.Query and DescribeTables without their gRPC: the tables there are,
// and what an answer rests on.
//
// Threads:    all methods from any.
// Ownership:  borrows what it reads, all of which outlives it.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/gateway_service.pb.h"
#include "libs/base/clock.h"
#include "libs/storage/sqlite/query.h"
#include "libs/storage/sqlite/sqlite_store.h"
#include "services/collector_gateway/query_tables.h"

namespace daemoneye::gateway {

class QueryEngine {
 public:
  struct Options {
    // Null: nothing is stored, and no query is answered.
    storage::SqliteStore* store = nullptr;
    QueryTableSources tables;
    // What is wrong with the gateway now, one sentence each: an answer is degraded by it.
    std::function<std::vector<std::string>()> problems = [] { return std::vector<std::string>(); };
  };

  QueryEngine(Options options, base::Clock& clock) : options_(std::move(options)), clock_(clock) {}

  // Blocks until the end. `emit` takes each message, false: the caller has gone.
  // FailedPrecondition: nothing is stored; else as storage::RunQuery.
  absl::Status Run(const v1::QueryRequest& request, std::stop_token stop,
                   const std::function<bool(const v1::QueryResponse&)>& emit) const;

  // What a statement of the gateway's own, or of a stage, came to.
  struct Answer {
    std::vector<std::string> columns;
    std::vector<v1::QueryRow> rows;
    v1::Completeness completeness;
  };
  // The same, all at once. With `named` the statement's parameters are these, and it may also read
  // what is now where nothing is stored.
  absl::StatusOr<Answer> Ask(const v1::QueryRequest& request, std::stop_token stop,
                             const storage::NamedParameters* named = nullptr,
                             size_t max_value_bytes = sql::kMaxCellBytes) const;

  // InvalidArgument: a page_size below 0.
  absl::Status Describe(const v1::DescribeTablesRequest& request,
                        v1::DescribeTablesResponse& response) const;

 private:
  absl::Status RunOver(storage::QueryContext context, const v1::QueryRequest& request) const;
  absl::Status FillCompleteness(const storage::QueryOutcome& outcome, v1::Completeness& out) const;

  const Options options_;
  base::Clock& clock_;
};

}  // namespace daemoneye::gateway
