// TaskSelector: which records of a task its caller asked for: the whole filter, with what only the
// shell of a monitor knows of a record, its origin.
//
// Threads:    one; several tasks have one each.
// Cost:       1 µs a record, 0.5 to 3 more with filter.sql.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemoneye/v1/filter.pb.h"
#include "daemoneye/v1/origin.pb.h"
#include "daemoneye/v1/types.pb.h"
#include "libs/event/event.h"
#include "libs/event_bus/event_selector.h"

namespace daemoneye::monitor {

class TaskSelector {
 public:
  // `origin` is what every record gets. InvalidArgument, naming the field of `filter`.
  static absl::StatusOr<TaskSelector> Create(const v1::EventFilter& filter, v1::Origin origin);

  // Whether the caller asked for `record`, whose origin it sets.
  bool Selects(event::Event& record);

  // Says in `completeness` which records could not be held against filter.sql, or against what the
  // filter asks of executables, since those may not be looked at.
  void Report(v1::Completeness& completeness) const;

 private:
  TaskSelector(event_bus::EventSelector selector,
               std::optional<event_bus::EventSelector> but_executables, v1::Origin origin)
      : selector_(std::move(selector)),
        but_executables_(std::move(but_executables)),
        origin_(std::move(origin)) {}

  event_bus::EventSelector selector_;
  // The filter without what it asks of executables; nullopt: it asks nothing of them.
  std::optional<event_bus::EventSelector> but_executables_;
  uint64_t unseen_executables_ = 0;
  v1::Origin origin_;
  std::vector<uint8_t> passes_;
};

}  // namespace daemoneye::monitor
