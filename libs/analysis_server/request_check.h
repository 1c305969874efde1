// What every analyzer wants of a request.
//
// Threads: stateless; any.
#pragma once

#include "absl/status/status.h"
#include "daemoneye/v1/analyzer_service.pb.h"

namespace daemoneye::analysis_server {

// InvalidArgument: "target.path: must be absolute", the first field that is wrong. What it says
// depends on the request alone. FailedPrecondition: a type of analysis that `can` does not name.
absl::Status CheckRequest(const v1::AnalyzeRequest& request,
                          const v1::NegotiateAnalysisResponse& can);

}  // namespace daemoneye::analysis_server
