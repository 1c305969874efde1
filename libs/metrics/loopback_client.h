// A connection to a server of this machine, and one HTTP request over it, for tests.
#pragma once

#include <cstdint>
#include <string>

#include "libs/base/unique_fd.h"

namespace daemoneye::metrics {

// An open connection to 127.0.0.1:`port`; invalid when refused.
base::UniqueFd ConnectLoopback(uint16_t port);

// All that the server answers to GET `path`, headers included, until it closes.
std::string HttpGet(uint16_t port, const std::string& path);

}  // namespace daemoneye::metrics
