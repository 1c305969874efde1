// What TriggerService does, without gRPC: requests in, responses out.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "libs/storage/event_store.h"
#include "services/collector_gateway/trigger_registry.h"

namespace daemoneye::gateway {

// One page, by id. InvalidArgument: page_size, page_token.
absl::Status ListTriggers(const TriggerRegistry& registry, const v1::ListTriggersRequest& request,
                          v1::ListTriggersResponse& response);

// InvalidArgument: update_mask.
absl::Status UpdateTrigger(TriggerRegistry& registry, const v1::UpdateTriggerRequest& request,
                           v1::UpdateTriggerResponse& response);

// NotFound: one of the ids.
absl::Status FillStatistics(const trigger::TriggerEngine& engine, const TriggerRegistry& registry,
                            const v1::GetTriggerStatisticsRequest& request,
                            v1::GetTriggerStatisticsResponse& response);

// Runs over what is stored; Cancelled when `is_cancelled` says so. Blocks.
absl::Status BackTest(const trigger::TriggerEngine& engine, const storage::EventStore& events,
                      const v1::BackTestTriggerRequest& request,
                      const std::function<bool()>& is_cancelled,
                      v1::BackTestTriggerResponse& response);

}  // namespace daemoneye::gateway
