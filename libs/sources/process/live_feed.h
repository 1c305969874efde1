// LiveFeed: what a source that reports as things happen and the scans beside it say to each other.
//
// A scan sees some things before their record was read, so what it finds is held against the table
// only when the live source has read all that was there: AwaitDrained.
//
// Threads: any. Callbacks are called under its lock: they must not call back.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"

namespace daemoneye::process {

class LiveFeed {
 public:
  explicit LiveFeed(base::Clock& clock) : clock_(clock) {}

  // The live source.
  //
  // From here on it tells what happens; `since_ticks` is the time since boot. `wake` makes it read
  // what there is.
  void Begin(uint64_t since_ticks, std::function<void()> wake);
  // It tells no more, as of now.
  void End(uint64_t now_ticks);
  // To be called before it reads, and with the result once nothing was left to read.
  uint64_t asked() const;
  void Answer(uint64_t asked);
  // Something was lost: the scans are to repair it.
  void RequestScan();

  // The scans.
  //
  // When it began to tell, as ticks since boot; nullopt: nobody does.
  std::optional<uint64_t> live_since() const;
  // Processes that began before have been told, or counted as lost.
  uint64_t told_until() const;
  // Waits until what had happened before the call is told. False: nobody tells, or `deadline`.
  bool AwaitDrained(base::Monotonic deadline);
  // `request` is called by RequestScan(), and when the live source begins or ends; empty: nobody
  // scans.
  void SetOnScanWanted(std::function<void()> request);

 private:
  base::Clock& clock_;
  mutable base::Mutex mu_;
  base::CondVar answered_cv_;
  bool is_live_ GUARDED_BY(mu_) = false;
  uint64_t since_ticks_ GUARDED_BY(mu_) = 0;
  uint64_t until_ticks_ GUARDED_BY(mu_) = 0;
  uint64_t asked_ GUARDED_BY(mu_) = 0;
  uint64_t answered_ GUARDED_BY(mu_) = 0;
  std::function<void()> wake_ GUARDED_BY(mu_);
  std::function<void()> on_scan_wanted_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::process
