// Refusal: why a trigger is not taken.
#pragma once

#include <string>
#include <vector>

#include "daemoneye/v1/trigger_service.pb.h"

namespace daemoneye::trigger {

struct Refusal {
  std::string trigger_id;
  std::vector<v1::TriggerProblem> problems;
};

}  // namespace daemoneye::trigger
