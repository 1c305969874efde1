// Matches: whether an alert passes an AlertFilter.
#pragma once

#include "daemoneye/v1/alert_service.pb.h"

namespace daemoneye::alerting {

// AND between fields, OR within one; an empty field does not restrict.
bool Matches(const v1::AlertFilter& filter, const v1::Alert& alert);

}  // namespace daemoneye::alerting
