// QueryState: what the tables of one query share: where the events are read, what it was cut off
// by, and how far it looked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "libs/sql/regexp.h"
#include "libs/storage/sqlite/connection.h"
#include "libs/storage/sqlite/history_sql.h"

namespace daemoneye::storage {

struct QueryState {
  // Reads the file; another connection than the one that runs the statement, so that a stranger's
  // statement never sees the file.
  Connection* events = nullptr;
  // The statement is compiled only: its tables are there without that.
  bool is_check = false;
  sql::RegexpCache regexps;
  // Of the file, once they were needed.
  std::vector<HistoryBlock> blocks;
  // Why a table ended the query; Ok: it did not.
  absl::Status failure;
  // False: cut off now. Called now and then, also between events that no one sees.
  std::function<bool()> check;

  // A table that rests on what monitors tell was read.
  bool has_read_observed = false;
  // Stored events that are broken, and were passed over.
  uint64_t unreadable = 0;
  // Stored events looked at.
  uint64_t scanned = 0;
  // event_time of what was asked for, all scans together; since > until: no events were asked for.
  int64_t since_ns = INT64_MAX;
  int64_t until_ns = INT64_MIN;

  void Widen(int64_t since, int64_t until) {
    since_ns = std::min(since_ns, since);
    until_ns = std::max(until_ns, until);
  }
};

}  // namespace daemoneye::storage
