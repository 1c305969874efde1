// TaskScanner: one scan after another by the kernel's task iterator, and what each found different.
//
// What ProcessScanner finds in a procfs. Beside a live source it repairs: what it finds different
// may be known to the kernel and not yet read from its ring, so it waits until all of that is read
// and looks once more. What is different still was lost, and is told as reconciled.
// What a procfs lists and the iterator does not show, as where a process is hidden from it, is read
// of the procfs.
//
// Threads:    one at a time; takes the tracker's lock for some processes at once.
// Ownership:  borrows the tracker, the teller, the turn and the scanner; owns the reader.
// Cost:       for a process that did not change: its record, some lookups, no allocation.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "libs/collector/event_source.h"
#include "libs/linux/bpf/task_reader.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/sources/process/process_scanner.h"
#include "libs/sources/process/process_teller.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_turn.h"

namespace daemoneye::process {

class TaskScanner {
 public:
  TaskScanner(ProcessTracker& tracker, ProcessTeller& teller, ScanTurn& turn,
              ProcessScanner& procfs_scanner, std::unique_ptr<bpf::TaskReader> reader)
      : tracker_(tracker),
        teller_(teller),
        turn_(turn),
        procfs_scanner_(procfs_scanner),
        reader_(std::move(reader)) {}

  // As ProcessScanner::Scan().
  absl::Status Scan(const std::stop_token& stop, collector::EventSink& sink);

 private:
  // A process that the first look found other than the table has it.
  struct Doubt {
    uint64_t start_ticks = 0;
    uint64_t exec_id = 0;
    bool has_ended = false;
  };
  enum class Look { kFirst, kLast };

  absl::Status Begin();
  absl::Status LookAtAll(Look look, const std::stop_token& stop, collector::EventSink& sink);
  void Visit(const bpf::TaskRecord& task, collector::EventSink& sink);
  bool IsDoubtful(const bpf::TaskRecord& task, const ProcessTable::Entry* entry) const;
  void VisitDoubtful(const bpf::TaskRecord& task, collector::EventSink& sink);
  void VisitNew(const bpf::TaskRecord& task, collector::EventSink& sink);
  void VisitKnown(const bpf::TaskRecord& task, ProcessTable::Entry& entry,
                  collector::EventSink& sink);
  absl::Status LookAtHidden(const std::stop_token& stop, collector::EventSink& sink);
  void ResolveMissing();
  bool IsChosen(uint32_t pid) const;
  std::unique_ptr<ProcessRecord> Fill(const bpf::TaskRecord& task);

  ProcessTracker& tracker_;
  ProcessTeller& teller_;
  ScanTurn& turn_;
  ProcessScanner& procfs_scanner_;
  const std::unique_ptr<bpf::TaskReader> reader_;

  // Of the scan that runs.
  std::optional<uint64_t> live_since_;
  absl::flat_hash_map<uint32_t, Doubt> doubts_;
  std::vector<std::pair<uint32_t, uint64_t>> missing_;
  // What a procfs lists, the part of it that is looked at, and what the iterator showed.
  std::optional<procfs::PidLister> lister_;
  std::vector<pid_t> pids_;
  std::vector<pid_t> chosen_;
  std::vector<pid_t> shown_;
  std::string previous_executable_;
};

}  // namespace daemoneye::process
