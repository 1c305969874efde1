// BusCanaryLine: sends canaries, and finds what a source told of them on the monitor's own bus,
// which is the end of its stream.
//
// Threads:    as CanaryLine.
// Ownership:  borrows the bus and the clock, which outlive it and its watches.
// Cost:       a subscription while a canary is on its way, some milliseconds an interval.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/event_bus/event_bus.h"
#include "libs/linux/canary/canary.h"
#include "libs/sources/process/canary_line.h"

namespace daemoneye::procmond {

class BusCanaryLine final : public process::CanaryLine {
 public:
  using Spawner = std::function<absl::StatusOr<uint32_t>()>;
  struct Options {
    // Whose word counts.
    std::string source;
    // Runs a spawner and marks the child as own.
    std::function<absl::StatusOr<uint32_t>(const Spawner&)> spawn_own;
    // False where settings leave EXEC out of the stream.
    std::function<bool()> is_exec_told;
  };

  // `canary` is null where there can be none.
  BusCanaryLine(Options options, std::unique_ptr<canary::Canary> canary, event_bus::EventBus& bus,
                base::Clock& clock);

  bool is_open() const override;
  absl::StatusOr<std::unique_ptr<process::CanaryWatch>> Watch(std::function<void()> wake) override;
  absl::StatusOr<process::SentCanary> Spawn() override;
  void Reap() override;

 private:
  const Options options_;
  const std::unique_ptr<canary::Canary> canary_;
  event_bus::EventBus& bus_;
  base::Clock& clock_;
};

}  // namespace daemoneye::procmond
