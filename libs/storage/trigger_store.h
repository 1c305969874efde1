// TriggerStore: triggers that were made by RPC, and mutes of any trigger, kept over a restart.
//
// Threads: all methods from any.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/trigger.pb.h"

namespace daemoneye::storage {

class TriggerStore {
 public:
  virtual ~TriggerStore() = default;

  // Adds the trigger or replaces the one of its id.
  virtual absl::Status Put(const v1::Trigger& trigger) = 0;
  // NotFound.
  virtual absl::Status Delete(std::string_view id) = 0;
  // All, by id.
  virtual absl::StatusOr<std::vector<v1::Trigger>> List() const = 0;

  // A trigger of the file keeps its mute here. InfinitePast: not muted any more.
  virtual absl::Status SetMute(std::string_view trigger_id, absl::Time until) = 0;
  // Trigger id → end of its mute.
  virtual absl::StatusOr<std::map<std::string, absl::Time>> Mutes() const = 0;
};

}  // namespace daemoneye::storage
