// ExecTally: what a stream told of many runs of `/bin/true MARKn`, each event held against what
// really happened.
//
// Threads:  one at a time.
// Bounds:   some 60 bytes an exec, for as long as it lives.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"

namespace daemoneye::bench {

// Of START, EXEC and STOP of each run.
struct ExecVerdict {
  uint64_t missing = 0;
  uint64_t twice = 0;
  // Another parent, arguments or exit code than it had, or STOP before EXEC before START.
  uint64_t wrong = 0;
  // What losses the stream told.
  uint64_t told_lost = 0;

  uint64_t faults() const { return missing + twice + wrong; }
  std::string Text() const;
};

class ExecTally {
 public:
  // Of runs 0 to count - 1.
  explicit ExecTally(size_t count) : runs_(count) {}

  // Takes in an event that arrived at `now`.
  void Add(const v1::CollectionEvent& event, absl::Time now);

  size_t count() const { return runs_.size(); }
  // The first runs that something is wrong with, for who looks for the cause; empty: none.
  std::string Faults(const std::vector<pid_t>& workers) const;
  // Runs whose STOP came.
  size_t ended() const { return ended_; }
  // Of the runs.
  uint64_t events() const { return events_; }
  // MARKn is a child of workers[n % workers.size()].
  ExecVerdict Verdict(const std::vector<pid_t>& workers) const;
  // From the kernel to here, of the last kMaxDelays EXEC, in milliseconds.
  const std::vector<double>& delays_ms() const { return delays_ms_; }

 private:
  static constexpr size_t kMaxDelays = 100'000;
  static constexpr uint32_t kUnknown = ~uint32_t{0};

  struct Run {
    uint32_t ppid = 0;
    uint8_t starts = 0;
    uint8_t execs = 0;
    uint8_t stops = 0;
    // Bits of Wrong.
    uint8_t wrong = 0;
    bool is_reconciled = false;
  };
  enum Wrong : uint8_t { kNoStart = 1, kOtherRun = 2, kExit = 4 };

  bool HasParent(size_t n, const std::vector<pid_t>& workers) const;
  void AddStart(uint64_t key);
  void AddStop(const v1::ProcessEvent& process, uint64_t key);
  void AddExec(const v1::ProcessEvent& process, uint64_t key);
  // n of MARKn; kUnknown: the arguments are others.
  uint32_t RunOf(const v1::ProcessEvent& process) const;

  std::vector<Run> runs_;
  // By a hash of the process key: the run, or kUnknown while only its START is known.
  absl::flat_hash_map<uint64_t, uint32_t> run_of_;
  // STARTs of kUnknown after the first.
  absl::flat_hash_map<uint64_t, uint8_t> more_starts_;
  std::vector<double> delays_ms_;
  size_t next_delay_ = 0;
  size_t ended_ = 0;
  uint64_t events_ = 0;
  uint64_t told_lost_ = 0;
};

}  // namespace daemoneye::bench
