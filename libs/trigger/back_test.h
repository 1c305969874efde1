// Trying a trigger out: over its own tests, and over stored events. Nothing of this has an effect.
//
// Threads: stateless; any, each with live tables of its own.
#pragma once

#include "absl/status/statusor.h"
#include "libs/trigger/trigger_engine.h"
#include "libs/trigger/trigger_set.h"

namespace daemoneye::trigger {

// As TriggerEngine::Validate.
v1::ValidateTriggerResponse ValidateTrigger(const v1::Trigger& trigger, const Lists& lists,
                                            const SetOptions& set_options);

// As TriggerEngine::BackTest; `live` is read, never changed.
absl::StatusOr<v1::BackTestTriggerResponse> RunBackTest(const v1::Trigger& trigger,
                                                        LiveTables& live, SetOptions set_options,
                                                        const EventReader& next,
                                                        const BackTestOptions& options);

}  // namespace daemoneye::trigger
