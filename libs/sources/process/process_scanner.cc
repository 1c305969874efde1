#include "libs/sources/process/process_scanner.h"

#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::process {

absl::Status ProcessScanner::Scan(const std::stop_token& stop, collector::EventSink& sink) {
  const base::Monotonic begin = tracker_.clock.MonotonicNow();
  if (absl::Status status = Begin(); !status.ok()) {
    ++turn_.statistics().failed_scans;
    return status;
  }
  RETURN_IF_ERROR(VisitChosen(stop, sink));
  base::MutexLock lock(tracker_.mu);
  for (const auto& [pid, order] : turn_.FindMissing()) turn_.TellStop(pid);
  RETURN_IF_ERROR(teller_.Flush(sink));
  turn_.End(begin, chosen_.size(), pids_.size(), sink);
  return absl::OkStatus();
}

absl::Status ProcessScanner::Begin() {
  base::MutexLock lock(tracker_.mu);
  if (!lister_.has_value()) {
    ASSIGN_OR_RETURN(lister_, procfs::PidLister::Create(tracker_.fs));
  }
  RETURN_IF_ERROR(lister_->List(pids_));
  RETURN_IF_ERROR(turn_.Begin());
  turn_.Choose(pids_, chosen_);
  // Only a process that the kernel no longer lists is gone; one that is not read now is not.
  for (const pid_t pid : pids_) {
    ProcessTable::Entry* entry = tracker_.table.Find(static_cast<uint32_t>(pid));
    if (entry != nullptr) entry->listed_scan = turn_.number();
  }
  return absl::OkStatus();
}

absl::Status ProcessScanner::VisitChosen(const std::stop_token& stop, collector::EventSink& sink) {
  in_exec_.clear();
  for (const pid_t pid : chosen_) {
    if (stop.stop_requested()) return absl::CancelledError("stopped in the middle of a scan");
    RETURN_IF_ERROR(Visit(static_cast<uint32_t>(pid), Look::kFirst, sink));
  }
  // An exec is over sooner than a scan: a second look finds nearly all of them done.
  for (const uint32_t pid : std::exchange(in_exec_, {})) {
    RETURN_IF_ERROR(Visit(pid, Look::kLast, sink));
  }
  return absl::OkStatus();
}

absl::Status ProcessScanner::Visit(uint32_t pid, Look look, collector::EventSink& sink) {
  base::MutexLock lock(tracker_.mu);
  const auto stat = tracker_.reader.ReadStat(pid);
  ProcessTable::Entry* entry = tracker_.table.Find(pid);
  if (!stat.ok()) {
    const bool is_gone = absl::IsNotFound(stat.status());
    ++(is_gone ? turn_.statistics().vanished : turn_.statistics().unreadable);
    if (is_gone && entry != nullptr) entry->listed_scan = 0;
    return absl::OkStatus();
  }
  if (entry != nullptr && entry->start_ticks != stat->start_ticks) {
    turn_.TellStop(pid);
    entry = nullptr;
  }
  if (entry == nullptr) {
    VisitNew(*stat, look, sink);
  } else if (entry->record != nullptr) {
    VisitKnown(*stat, *entry->record, sink);
  } else if (tracker_.table.HasRoom()) {
    turn_.Restore(ReadNew(*stat), *entry);
  }
  return teller_.FlushIfFull(sink);
}

void ProcessScanner::VisitHidden(uint32_t pid, std::optional<uint64_t> live_since,
                                 collector::EventSink& sink) {
  const auto stat = tracker_.reader.ReadStat(pid);
  if (!stat.ok()) return;  // it ended meanwhile
  ProcessTable::Entry* entry = tracker_.table.Find(pid);
  if (entry == nullptr) {
    const bool is_told = live_since.has_value() && stat->start_ticks >= *live_since;
    if (!is_told) VisitNew(*stat, Look::kLast, sink);
    return;
  }
  if (entry->start_ticks != stat->start_ticks) return;
  entry->listed_scan = turn_.number();
  if (entry->record != nullptr) VisitKnown(*stat, *entry->record, sink);
}

std::unique_ptr<ProcessRecord> ProcessScanner::ReadNew(const procfs::ProcStat& stat) {
  auto record = std::make_unique<ProcessRecord>();
  tracker_.reader.ReadNew(stat, tracker_.config.collect_enhanced_metadata, *record);
  return record;
}

void ProcessScanner::VisitNew(const procfs::ProcStat& stat, Look look, collector::EventSink& sink) {
  // It ended while a live source told of such, so its STOP has been told.
  if (stat.is_zombie() && stat.start_ticks < tracker_.live.told_until()) return;
  auto record = ReadNew(stat);
  if (record->is_in_exec && look == Look::kFirst) {
    in_exec_.push_back(record->pid);
    return;
  }
  turn_.TellNew(std::move(record), sink);
}

void ProcessScanner::VisitKnown(const procfs::ProcStat& stat, ProcessRecord& record,
                                collector::EventSink& sink) {
  const size_t old_bytes = record.byte_size();
  ProcessFacts previous = FactsOf(record);
  previous_executable_.assign(previous.executable);
  previous.executable = previous_executable_;
  const bool is_enhanced = tracker_.config.collect_enhanced_metadata;
  const auto updated = tracker_.reader.Update(stat, is_enhanced, record);
  if (absl::IsUnavailable(updated.status())) {
    in_exec_.push_back(record.pid);
    tracker_.table.Resized(old_bytes, record.byte_size());
    return;
  }
  if (!updated.ok()) {
    ScanStatistics& statistics = turn_.statistics();
    ++(absl::IsNotFound(updated.status()) ? statistics.vanished : statistics.unreadable);
    tracker_.table.Resized(old_bytes, record.byte_size());
    return;
  }
  Change changes = *updated;
  const bool has_files = !record.is_kernel_thread && !record.is_zombie;
  if (has_files && record.first_scan + 1 == turn_.number()) {
    changes |= tracker_.reader.ReadDetails(is_enhanced, record);
  }
  tracker_.table.Resized(old_bytes, record.byte_size());
  turn_.TellKnown(changes, previous, record, sink);
}

}  // namespace daemoneye::process
