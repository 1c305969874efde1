// Bytecode: what SQLite compiled a statement to (its EXPLAIN), and what that proves about it.
//
// Threads: compatible, with the connection.
// Cost:    that of preparing the statement twice.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct sqlite3;

namespace daemoneye::sql {

// What the plan of a scan of an event table begins with.
inline constexpr char kEventPlanMark = 'E';

struct Instruction {
  std::string opcode;
  int p1 = 0;
  int p2 = 0;
  int p3 = 0;
  std::string p4;
};

using Program = std::vector<Instruction>;

// The program of `sql`, which must have been prepared on `db` before. Internal when it cannot be
// explained.
absl::StatusOr<Program> Explain(sqlite3* db, std::string_view sql);

// True only when the rows a statement yields for many events are certainly those it yields for each
// event alone, and the event that a row comes from is where its cursor stands: one cursor on one
// event table, and no instruction but those that work on one row and on constants. False is always
// safe.
bool IsBatchIndependent(const Program& program);

// How many times the program opens a scan of an event table, going by the plan that each names.
struct EventScans {
  int count = 0;
  // No row can come out when all of these scans are empty: whatever else there is to read.
  bool are_needed = false;
  // Every list of an IN is made of constants.
  bool has_constant_lists = true;
};
EventScans FindEventScans(const Program& program);

// True when an aggregate may run over the rows of an event table. False is certain.
bool AggregatesEvents(const Program& program);

// Whether it aggregates.
bool HasAggregate(const Program& program);

// The patterns of REGEXP that are constants.
std::vector<std::string> ConstantRegexps(const Program& program);

}  // namespace daemoneye::sql
