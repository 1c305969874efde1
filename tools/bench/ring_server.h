// RingServer: MonitorService over a log that holds a number of events and gets no more.
#pragma once

#include <memory>
#include <string>

namespace daemoneye::bench {

// Serves `events` events on the unix socket `path` until the process is ended.
[[noreturn]] void ServeRing(const std::string& path, size_t events);

}  // namespace daemoneye::bench
