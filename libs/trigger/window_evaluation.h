// EvaluateWindow: one evaluation of a trigger over its window.
//
// Threads: compatible.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "libs/trigger/compiled_trigger.h"
#include "libs/trigger/trigger_set.h"
#include "libs/trigger/window_buffer.h"

namespace daemoneye::trigger {

// Appends a hit for each key that matches at `at` and did not at the evaluation before. Evidence
// are the newest events that the statement could see and that share the values of the key, or,
// without one, of all result columns that are columns of the event table; where none does, the
// newest it could see.
void EvaluateWindow(size_t index, CompiledTrigger& trigger, WindowBuffer& buffer, absl::Time at,
                    std::vector<Hit>* hits);

// Counts what a run came to.
void CountRun(const absl::Status& status, CompiledTrigger& trigger);
// The result row's columns as details.
std::map<std::string, std::string> DetailsOf(const CompiledTrigger& trigger,
                                             const sql::ResultRow& row);

}  // namespace daemoneye::trigger
