// TaskHandler: does one piece of work on request (MonitorService.ExecuteTask).
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "daemoneye/v1/types.pb.h"
#include "libs/base/clock.h"
#include "libs/event/event.h"

namespace daemoneye::collector {

class TaskHandler {
 public:
  virtual ~TaskHandler() = default;

  // Task types it takes.
  virtual std::vector<v1::TaskType> types() const = 0;

  // Whether the caller's filter, all of it, asks for a record; gives the record its origin.
  using Selects = std::function<bool(event::Event&)>;
  // Hands a record over, which blocks while the caller reads slowly. False: the caller has gone,
  // stop.
  using Emit = std::function<bool(event::Event)>;

  // Runs on the caller's thread, several at once. What is selected is what the task is done to; the
  // handler decides what else it answers. Says in *completeness what it could not read.
  virtual absl::Status Run(v1::TaskType type, const Selects& selects, std::stop_token stop,
                           const Emit& emit, v1::Completeness* completeness) = 0;
};

}  // namespace daemoneye::collector
