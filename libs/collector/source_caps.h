// SourceCaps as the protocol writes them.
#pragma once

#include <vector>

#include "daemoneye/v1/types.pb.h"
#include "libs/collector/event_source.h"

namespace daemoneye::collector {

// Each flag of `caps` as its enum value, in ascending order.
std::vector<v1::SourceCap> CapList(SourceCaps caps);

// The flag of `cap`; kNone for one that is not known.
SourceCaps CapOf(v1::SourceCap cap);

}  // namespace daemoneye::collector
