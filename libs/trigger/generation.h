// What a generation of definitions is held to, and when a trigger has changed.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "libs/trigger/trigger_engine.h"

namespace daemoneye::trigger {

// What can be refused without compiling: the triggers one by one, ids that are not unique, too
// many.
std::vector<Refusal> CheckDefinitions(const Definitions& definitions, size_t max_triggers);

// Equal for two definitions of a trigger that match the same events: what was counted and accepted
// under the one then holds for the other.
std::string Fingerprint(const v1::Trigger& trigger);

}  // namespace daemoneye::trigger
