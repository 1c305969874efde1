// BenchMonitor: MonitorService over a log that somebody fills, as a monitor of its own would serve
// it.
//
// Threads:    the server's. Ownership: borrows the bus, which outlives it.
#pragma once

#include <memory>
#include <string>

#include "libs/event_bus/event_bus.h"

namespace daemoneye::bench {

class BenchMonitor {
 public:
  // Serves on the unix socket `path`; ends the program where it cannot.
  BenchMonitor(event_bus::EventBus& bus, const std::string& monitor, const std::string& path);
  ~BenchMonitor();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace daemoneye::bench
