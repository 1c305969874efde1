// What of a trigger can be judged without its SQL: names, bounds, what goes with what.
//
// Threads: stateless; any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/trigger.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"

namespace daemoneye::trigger {

inline constexpr absl::Duration kMinWindow = absl::Seconds(1);
inline constexpr absl::Duration kMaxWindow = absl::Hours(1);
inline constexpr int kMaxExceptions = 64;

// What is wrong with `trigger`; empty: nothing that can be seen here. `needs_id` is false where a
// trigger is only tried out.
std::vector<v1::TriggerProblem> CheckTrigger(const v1::Trigger& trigger, bool needs_id);

v1::TriggerProblem Problem(std::string field, std::string message);

// The condition's window; zero: none.
absl::Duration WindowOf(const v1::Trigger& trigger);

}  // namespace daemoneye::trigger
