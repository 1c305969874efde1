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

// Whether it aggregates.
bool HasAggregate(const Program& program);

// The patterns of REGEXP that are constants.
std::vector<std::string> ConstantRegexps(const Program& program);

}  // namespace daemoneye::sql
