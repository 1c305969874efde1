// Negotiation: what of a server's capabilities a caller gets, and why not the rest.
#pragma once

#include "daemoneye/v1/monitor_service.pb.h"

namespace daemoneye::monitor {

// `response.granted_caps` holds all that there are; leaves those the request is after (a domain not
// asked for is not granted) and names what was asked for and is missing.
void GrantCapabilities(const v1::NegotiateCapabilitiesRequest& request,
                       v1::NegotiateCapabilitiesResponse& response);

}  // namespace daemoneye::monitor
