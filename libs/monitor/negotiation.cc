#include "libs/monitor/negotiation.h"

#include <fmt/format.h>

#include <set>
#include <string>

namespace daemoneye::monitor {
namespace {

bool IsDomain(int cap) {
  return cap >= v1::SOURCE_CAP_PROCESS && cap <= v1::SOURCE_CAP_PERFORMANCE;
}

}  // namespace

void GrantCapabilities(const v1::NegotiateCapabilitiesRequest& request,
                       v1::NegotiateCapabilitiesResponse& response) {
  const std::set<int> there(response.granted_caps().begin(), response.granted_caps().end());
  const std::set<int> domains(request.requested_domains().begin(),
                              request.requested_domains().end());
  std::set<int> asked = domains;
  asked.insert(request.required_caps().begin(), request.required_caps().end());

  response.clear_granted_caps();
  for (const int cap : there) {
    const bool is_wanted = !IsDomain(cap) || domains.empty() || asked.contains(cap);
    if (is_wanted) response.add_granted_caps(static_cast<v1::SourceCap>(cap));
  }
  for (const int cap : asked) {
    if (there.contains(cap)) continue;
    v1::RefusedCap& refused = *response.add_refused_caps();
    refused.set_cap(static_cast<v1::SourceCap>(cap));
    const std::string name = v1::SourceCap_Name(static_cast<v1::SourceCap>(cap));
    refused.set_reason(fmt::format("no source of {} that runs has {}", response.monitor(),
                                   name.substr(std::string("SOURCE_CAP_").size())));
  }
}

}  // namespace daemoneye::monitor
