// ScanHarness: scans without the source around them, by either reader. For tests and benchmarks.
#pragma once

#include <memory>
#include <stop_token>
#include <utility>

#include "libs/sources/process/process_scanner.h"
#include "libs/sources/process/process_teller.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_turn.h"
#include "libs/sources/process/task_scanner.h"

namespace daemoneye::process {

class ScanHarness {
 public:
  ScanHarness(const procfs::ProcFs& fs, const ProcessSourceConfig& config, ExecutableHasher& hasher,
              base::Clock& clock, PackageDatabase packages = PackageDatabase())
      : tracker_(fs, config, hasher, clock, std::move(packages)) {}

  // From here on it reads by the kernel's task iterator.
  void Use(std::unique_ptr<bpf::TaskReader> reader) {
    by_kernel_ =
        std::make_unique<TaskScanner>(tracker_, teller_, turn_, by_procfs_, std::move(reader));
  }

  absl::Status Scan(const std::stop_token& stop, collector::EventSink& sink) {
    return by_kernel_ != nullptr ? by_kernel_->Scan(stop, sink) : by_procfs_.Scan(stop, sink);
  }
  absl::Status ApplyHashes(collector::EventSink& sink) {
    base::MutexLock lock(tracker_.mu);
    return teller_.TellHashes(sink);
  }
  const ScanStatistics& statistics() const { return turn_.statistics(); }
  ProcessTracker& tracker() { return tracker_; }

 private:
  ProcessTracker tracker_;
  ProcessTeller teller_{tracker_, kScanSourceName};
  ScanTurn turn_{tracker_, teller_};
  ProcessScanner by_procfs_{tracker_, teller_, turn_};
  std::unique_ptr<TaskScanner> by_kernel_;
};

}  // namespace daemoneye::process
