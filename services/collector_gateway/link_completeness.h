// Whether a gateway has seen all that its monitors published.
#pragma once

#include <string>
#include <vector>

#include "daemoneye/v1/types.pb.h"
#include "services/collector_gateway/link_set.h"

namespace daemoneye::gateway {

// Not complete while a monitor does not stream, a name does not resolve, or a gap was left in a
// monitor's log: each is a reason, at most 16.
v1::Completeness CompletenessOf(const LinkSet& links);
v1::Completeness CompletenessOf(const std::vector<std::string>& unresolved,
                                const std::vector<MonitorLink::Status>& links);

// The same of what is seen of `host`: only links that tell of it, and those that have not said yet
// what they tell of. Nobody tells of it: that is the reason. Empty: of all hosts.
v1::Completeness CompletenessOfHost(const LinkSet& links, const std::string& host);
v1::Completeness CompletenessOfHost(const std::vector<MonitorLink::Status>& links,
                                    const std::string& host);

}  // namespace daemoneye::gateway
