// ScannerFixture: scans of a procfs of files and a clock that stands still.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "libs/base/fake_clock.h"
#include "libs/linux/procfs/fake_proc.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/recording_sink.h"
#include "libs/sources/process/scan_harness.h"

namespace daemoneye::process {

class ScannerFixture : public testing::Test {
 protected:
  // The machine has been up for an hour.
  ScannerFixture()
      : clock_(absl::FromUnixSeconds(procfs::FakeProc::kBootTimeSeconds + 3600)),
        fs_(*procfs::ProcFs::Open(proc_.root())),
        hasher_(fs_, HashLimits{}, clock_) {}

  // Scans as `config` says, made with the first call; the clock moves a second before each.
  void Scan() {
    Make();
    clock_.Advance(absl::Seconds(1));
    last_status_ = scanner_->Scan({}, sink_);
  }
  void Make() {
    if (scanner_ == nullptr) {
      scanner_ = std::make_unique<ScanHarness>(fs_, config_, hasher_, clock_);
    }
  }
  std::vector<std::string> ScanTexts() {
    Scan();
    return sink_.TakeTexts();
  }
  std::vector<v1::CollectionEvent> ScanEvents() {
    Scan();
    return sink_.Take();
  }

  // A process that began `age` ago.
  procfs::FakeProcess Process(pid_t pid, std::string name, absl::Duration age = absl::Hours(1)) {
    procfs::FakeProcess process;
    process.pid = pid;
    process.comm = std::move(name);
    process.start_ticks = NowTicks(-age);
    process.start_stack = 0x7f00'0000'0000 + static_cast<uint64_t>(pid);
    return process;
  }
  uint64_t NowTicks(absl::Duration after = absl::ZeroDuration()) const {
    const absl::Duration up =
        clock_.Now() + after - absl::FromUnixSeconds(procfs::FakeProc::kBootTimeSeconds);
    return static_cast<uint64_t>(absl::ToInt64Milliseconds(up) * fs_.ticks_per_second() / 1000);
  }

  procfs::FakeProc proc_;
  base::FakeClock clock_;
  procfs::ProcFs fs_;
  ExecutableHasher hasher_;
  ProcessSourceConfig config_;
  RecordingSink sink_;
  std::unique_ptr<ScanHarness> scanner_;
  absl::Status last_status_;
};

}  // namespace daemoneye::process
