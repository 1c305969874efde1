// Triggers and what is known of them as tables and lines for people. All of it is safe to print.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/trigger.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

// `now` tells which mutes have ended.
std::string TriggersText(const std::vector<v1::Trigger>& triggers, absl::Time now);
std::string StatisticsText(const v1::GetTriggerStatisticsResponse& response);
// "cryptominer: valid, 3 tests pass, indexed", or a line a problem.
std::string ValidationText(const v1::Trigger& trigger, const v1::ValidateTriggerResponse& response,
                           const Style& style);
std::string BackTestText(const v1::BackTestTriggerResponse& response, const Style& style);

}  // namespace daemoneye::eyectl
