// The flags that make an EventFilter: one for each of its fields, and --deny_... for each of those.
#pragma once

#include "daemoneye/v1/filter.pb.h"
#include "libs/base/clock.h"
#include "tools/eyectl/flag_set.h"

namespace daemoneye::eyectl {

// Declares the flags; parsing them fills `filter`, which outlives `flags`. `clock` tells what
// --since=10m is counted from.
void AddFilterFlags(FlagSet& flags, const base::Clock& clock, v1::EventFilter* filter);

}  // namespace daemoneye::eyectl
