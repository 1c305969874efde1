#include "libs/sources/process/scan_turn.h"

#include <algorithm>

#include "libs/base/status_macros.h"

namespace daemoneye::process {

absl::Status ScanTurn::Begin() {
  RETURN_IF_ERROR(teller_.Begin());
  ASSIGN_OR_RETURN(const uint64_t now_ticks, tracker_.NowTicks());
  if (++tracker_.scan == 1) first_ticks_ = now_ticks;
  tracker_.watch.BeginScan(tracker_.scan, now_ticks);
  tracker_.BeginNotingEnds();
  statistics_.last_inaccessible = 0;
  teller_.TellShedStops();
  return absl::OkStatus();
}

void ScanTurn::Choose(const std::vector<pid_t>& pids, std::vector<pid_t>& chosen) {
  const size_t count = tracker_.config.max_processes_per_cycle;
  if (count == 0 || count >= pids.size()) {
    chosen = pids;
    return;
  }
  auto first = std::upper_bound(pids.begin(), pids.end(), last_pid_);
  chosen.clear();
  for (size_t i = 0; i < count; ++i) {
    if (first == pids.end()) first = pids.begin();
    chosen.push_back(*first++);
  }
  last_pid_ = chosen.back();
}

void ScanTurn::TellNew(std::unique_ptr<ProcessRecord> record, collector::EventSink& sink) {
  // Read before it ended, which was told meanwhile.
  if (tracker_.HasEnded(record->pid, record->start_ticks)) return;
  record->first_scan = tracker_.scan;
  record->is_own = tracker_.own.Contains(record->pid, record->start_ticks);
  tracker_.RequestHash(*record);
  if (record->are_details_missing) ++statistics_.vanished;
  const bool has_image = !record->is_kernel_thread && !record->is_zombie;
  if (has_image && !record->is_accessible) ++statistics_.last_inaccessible;
  const bool ran_before = RanBefore(record->start_ticks);
  ProcessTable::Entry& entry = tracker_.table.Add(std::move(record));
  entry.listed_scan = tracker_.scan;
  using Beginning = ProcessTeller::Beginning;
  teller_.TellNew(*entry.record, ran_before ? Beginning::kRanBefore : Beginning::kStarted, sink);
  teller_.TellSuspicions(nullptr, *entry.record);
  tracker_.evicted += tracker_.table.Evict();
}

void ScanTurn::Restore(std::unique_ptr<ProcessRecord> record, ProcessTable::Entry& entry) {
  record->first_scan = tracker_.scan;
  record->is_own = tracker_.own.Contains(record->pid, record->start_ticks);
  tracker_.RequestHash(*record);
  tracker_.table.Restore(entry, std::move(record));
  teller_.TellRestored(*entry.record);
}

void ScanTurn::TellKnown(Change changes, const ProcessFacts& previous, ProcessRecord& record,
                         collector::EventSink& sink) {
  const bool has_files = !record.is_kernel_thread && !record.is_zombie;
  if (has_files && !record.is_accessible) ++statistics_.last_inaccessible;
  if (Has(changes, Change::kExec)) ++record.exec_count;
  if (Has(changes, Change::kExec | Change::kImage) || tracker_.IsHashMissing(record)) {
    if (tracker_.RequestHash(record)) changes |= Change::kHash;
  }
  teller_.TellChange(changes, record, sink);
  constexpr Change kLooks = Change::kExec | Change::kImage | Change::kExecutable |
                            Change::kFileExists | Change::kMismatch;
  if (Has(changes, kLooks) || record.is_mismatched || record.first_scan + 1 == tracker_.scan) {
    teller_.TellSuspicions(&previous, record);
  }
}

const std::vector<std::pair<uint32_t, uint64_t>>& ScanTurn::FindMissing() {
  missing_.clear();
  for (const auto& [pid, entry] : tracker_.table.entries()) {
    if (entry.listed_scan != tracker_.scan) missing_.emplace_back(pid, entry.order);
  }
  std::sort(missing_.begin(), missing_.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  return missing_;
}

void ScanTurn::TellStop(uint32_t pid) {
  const ProcessTable::Entry* entry = tracker_.table.Find(pid);
  teller_.TellStop(pid, *entry);
  // Of a live source that has lost its place, the record may still come.
  if (tracker_.live.live_since().has_value()) tracker_.NoteStopped(pid, entry->start_ticks);
  tracker_.table.Remove(pid);
}

void ScanTurn::End(base::Monotonic begin, size_t read, size_t total, collector::EventSink& sink) {
  tracker_.EndNotingEnds();
  const uint64_t evicted = tracker_.evicted - std::exchange(statistics_.evicted, tracker_.evicted);
  if (evicted != 0) sink.ReportLoss("tracking", "evicted", evicted);
  const absl::Time now = tracker_.clock.Now();
  if (teller_.sent() != 0 && teller_.sent() != std::exchange(reported_sent_, teller_.sent())) {
    statistics_.last_event_time = now;
  }
  ++statistics_.scans;
  statistics_.last_read = read;
  statistics_.last_total = total;
  statistics_.last_duration = base::Elapsed(begin, tracker_.clock.MonotonicNow());
  statistics_.last_end = now;
  statistics_.tracked = tracker_.table.record_count();
  statistics_.tracked_bytes = tracker_.table.byte_size();
  statistics_.untracked = tracker_.table.identity_count();
  statistics_.hashes_deferred = tracker_.hashes_deferred;
}

}  // namespace daemoneye::process
