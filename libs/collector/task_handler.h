// TaskHandler: does one piece of work on request (MonitorService.ExecuteTask).
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "daemoneye/v1/filter.pb.h"
#include "daemoneye/v1/types.pb.h"
#include "libs/base/clock.h"
#include "libs/event/event.h"

namespace daemoneye::collector {

class TaskHandler {
 public:
  virtual ~TaskHandler() = default;

  // Task types it takes.
  virtual std::vector<v1::TaskType> types() const = 0;

  // Runs on the caller's thread, several at once; hands each record to `emit` (false: the caller
  // has gone, stop) and says in *completeness what it could not read. Records need no origin.
  virtual absl::Status Run(v1::TaskType type, const v1::EventFilter& filter, std::stop_token stop,
                           const std::function<bool(event::Event)>& emit,
                           v1::Completeness* completeness) = 0;
};

}  // namespace daemoneye::collector
