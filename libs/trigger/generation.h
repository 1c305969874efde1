// What a generation of definitions is held to, and when a trigger has changed.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/trigger/trigger_engine.h"

namespace daemoneye::trigger {

// What can be refused without compiling: the triggers one by one, ids that are not unique, too
// many.
std::vector<Refusal> CheckDefinitions(const Definitions& definitions, size_t max_triggers);

// Equal for two definitions of a trigger that match the same events: what was counted and accepted
// under the one then holds for the other.
std::string Fingerprint(const v1::Trigger& trigger);

// Tells when cut-offs keep coming: more than a number of them within 60 s.
class CutOffWatch {
 public:
  // `total` is the trigger's count so far.
  bool Exceeds(uint64_t total, base::Monotonic now, int max_in_a_minute);

 private:
  std::deque<std::pair<base::Monotonic, uint64_t>> seen_;
  uint64_t last_total_ = 0;
};

std::string SuspensionReason(int max_cut_offs, const std::string& last_error);

}  // namespace daemoneye::trigger
