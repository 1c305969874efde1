// What is wrong with a trigger as it was written: its fields, who may set them, whom it asks.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemoneye/v1/trigger.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"

namespace daemoneye::gateway {

inline constexpr absl::Duration kMaxMute = absl::Hours(24 * 30);

struct FieldCheckOptions {
  // A trigger that is only looked at needs no id.
  bool id_may_be_empty = false;
};

// The engine's own checks that need no SQL. Empty: nothing is wrong.
std::vector<v1::TriggerProblem> CheckTriggerFields(const v1::Trigger& trigger,
                                                   const FieldCheckOptions& options = {});

// InvalidArgument where a file sets what only the server sets.
absl::Status CheckServersFields(const v1::Trigger& trigger, const std::string& path);

// InvalidArgument: a mute that is not a time, or ends later than kMaxMute from `now`.
absl::Status CheckMute(const v1::Trigger& trigger, absl::Time now);

}  // namespace daemoneye::gateway
