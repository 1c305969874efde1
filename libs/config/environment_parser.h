// Environment variables to settings: DAEMONEYE_<NAME>=value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libs/config/layer_values.h"

namespace daemoneye::config {

// Adds what `environment` ("NAME=value" each) sets, and every mistake, to `out`. An unknown
// DAEMONEYE_* is a mistake, unless Kubernetes sets it itself.
void ParseEnvironment(const std::vector<std::string>& environment, LayerValues& out);

// Whether Kubernetes sets a variable of this name in a pod for a service (Docker links' names):
// *_SERVICE_HOST, *_SERVICE_PORT*, *_PORT, *_PORT_*.
bool IsSetByKubernetes(std::string_view variable);

}  // namespace daemoneye::config
