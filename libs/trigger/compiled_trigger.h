// CompiledTrigger: one trigger's statement and exceptions, checked and prepared.
//
// Threads:   compatible, with the connections.
// Ownership: borrows the connections, which outlive it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/trigger.pb.h"
#include "libs/sql/guarded_connection.h"
#include "libs/sql/sql_program.h"
#include "libs/trigger/refusal.h"
#include "libs/trigger/trigger_set.h"

namespace daemoneye::trigger {

struct CompiledTrigger {
  std::shared_ptr<const v1::Trigger> definition;
  std::unique_ptr<sql::SqlProgram> program;
  // Yields a row for a row that meets an exception; nullptr: there are none. Of a window the
  // program itself says it, in its last column.
  std::unique_ptr<sql::SqlProgram> exceptions;
  bool has_window_exceptions = false;
  // Takes many events at once, and nothing it reads changes from one to the next.
  bool is_batched = false;
  bool reads_live = false;
  // What goes into a match's details.
  bool has_details = false;
  // Zero: none.
  absl::Duration window;
  // Result columns that tell the matches of a window apart; empty: all.
  std::vector<int> key_columns;
  bool is_suspended = false;
  TriggerCost cost;
};

// Compiles on `connection`, or on `window_connection` where there is a window. Appends what is
// wrong; nullptr then.
std::unique_ptr<CompiledTrigger> CompileTrigger(std::shared_ptr<const v1::Trigger> definition,
                                                sql::GuardedConnection& connection,
                                                sql::GuardedConnection& window_connection,
                                                std::vector<v1::TriggerProblem>* problems);

}  // namespace daemoneye::trigger
