// SqlFilter: a compiled `filter.sql`: which events one SQL condition or SELECT lets pass.
//
// The text is a bare condition over process_events (`name LIKE 'nc%' AND user_id = 0`) or exactly
// one SELECT over exactly one event table; columns are those of event_tables.h. An event passes
// when it is of that table's kind and the statement, run over a table that holds this event alone,
// yields a row. Events are taken many at once only where SQLite's bytecode proves that this cannot
// change the answer, so how events are batched never shows.
//
// Threads:    compatible; one thread at a time, not always the same.
// Ownership:  owns its SQLite connection; events are borrowed for the length of a Match call.
// Cost:       30-130 ns an event in batches of 256, 0.5-3 µs alone (sql_filter_benchmark); 0.1 ms
//             and 30 KiB a filter.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"

namespace daemoneye::sql {

// Longest text that SqlFilter takes, bytes.
inline constexpr size_t kMaxFilterSqlBytes = 16 * 1024;

struct SqlFilterOptions {
  // CPU time of the calling thread that one run of the statement may take.
  absl::Duration event_budget = absl::Milliseconds(5);
  // The same for one Match call; the events it has not reached by then fail.
  absl::Duration call_budget = absl::Milliseconds(50);
};

class SqlFilter {
 public:
  // Compiles `sql`. InvalidArgument "filter.sql: ... at position N" (1-based byte) for all that is
  // not allowed, with what would be right where that is known.
  static absl::StatusOr<std::unique_ptr<SqlFilter>> Create(std::string_view sql,
                                                           const SqlFilterOptions& options = {});
  ~SqlFilter();
  SqlFilter(const SqlFilter&) = delete;
  SqlFilter& operator=(const SqlFilter&) = delete;

  // Sets `passes` to one bit an event. ResourceExhausted when a guard cut the statement off for an
  // event, InvalidArgument when its values made the statement fail (such as a text grown beyond 64
  // KiB): the first such event's; they do not pass and are counted in failed_events(), and all
  // others are decided as ever.
  absl::Status Match(std::span<const v1::CollectionEvent* const> events, std::vector<bool>* passes);

  // The only kind of event that can pass.
  v1::EventKind kind() const;

  // Whether events are taken many at once.
  bool is_batch_independent() const;

  // Events for which the statement failed, since Create.
  uint64_t failed_events() const;

 private:
  class Impl;
  explicit SqlFilter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace daemoneye::sql
