// RunQuery: a stranger's SELECT over the stored events and whatever tables it is given.
//
// The statement runs on an in-memory connection that has nothing but these tables; what they read
// of the file, they read through a connection of their own that can only read. An authorizer allows
// SELECT, the tables and functions by name; limits bound lengths, depth and the program; time, rows
// and memory are cut off.
//
// Threads: the caller's; blocks until the end.
// Cost:    1 ms and what the statement takes.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/gateway_service.pb.h"
#include "libs/base/clock.h"
#include "libs/sql/column.h"
#include "libs/storage/sqlite/connection.h"
#include "libs/storage/sqlite/row_table.h"

namespace daemoneye::storage {

inline constexpr size_t kMaxQueryBytes = 64 * 1024;
inline constexpr int kMaxQueryParameters = 100;
inline constexpr uint64_t kDefaultQueryRows = 10'000;
inline constexpr uint64_t kMaxQueryRows = 1'000'000;
inline constexpr absl::Duration kDefaultQueryTime = absl::Seconds(30);
inline constexpr absl::Duration kMaxQueryTime = absl::Minutes(10);
// What SQLite may hold more than at the start of the query (process-wide).
inline constexpr int64_t kMaxQueryMemoryBytes = 256 << 20;
// Of one row of the answer: a message of the stream is below 4 MiB, gRPC's default.
inline constexpr size_t kMaxQueryRowBytes = 2 << 20;

// Values of parameters that the server itself gives: ":name" → value.
using NamedParameters = std::map<std::string, v1::Cell, std::less<>>;

struct QueryContext {
  // Reads the store's file; null: no event tables.
  Connection* events = nullptr;
  // Beside the event tables.
  const std::vector<RowTable>* tables = nullptr;
  base::Clock* clock = nullptr;
  std::stop_token stop;
  // Takes columns, rows and progress, in this order and not the end; false: the caller has gone.
  std::function<bool(const v1::QueryResponse&)> emit;
  // Where it is set, the statement has these parameters and no others. Outlives the query.
  const NamedParameters* named = nullptr;
  // Of one value that the statement holds or makes. More than the default costs time that nothing
  // cuts off: a search within a text of 256 KiB takes 0.2 s.
  size_t max_value_bytes = sql::kMaxCellBytes;
};

struct QueryOutcome {
  uint64_t rows = 0;
  // max_rows cut it off.
  bool truncated = false;
  // Whether event tables were read, and of which time.
  bool has_read_events = false;
  // Whether tables were read that rest on what monitors tell (RowTable::is_observed).
  bool has_read_observed = false;
  // Stored events that do not parse, and are missing from the answer.
  uint64_t unreadable = 0;
  absl::Time since = absl::InfiniteFuture();
  absl::Time until = absl::InfinitePast();
};

// InvalidArgument: the request, naming the field; of the statement what and where.
// DeadlineExceeded: its timeout. ResourceExhausted: memory, or a row that is too large. DataLoss:
// the file is broken. Cancelled: `stop`, or the caller has gone.
absl::StatusOr<QueryOutcome> RunQuery(const v1::QueryRequest& request, const QueryContext& context);

// Whether RunQuery would take a statement over the event tables, `tables` and parameters named as
// in `named`: compiled, not run. Its InvalidArgument.
absl::Status CheckQuery(const std::string& statement_text, const std::vector<RowTable>& tables,
                        const NamedParameters& named);

}  // namespace daemoneye::storage
