#include "libs/sources/process/task_scanner.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "libs/base/status_macros.h"

namespace daemoneye::process {
namespace {

using base::operator+;

// Processes that are looked at under one lock: a live source waits that long.
constexpr int kAtOnce = 64;
// A live source reads what there is in less, or is about to be given up.
constexpr absl::Duration kDrainWait = absl::Seconds(2);

}  // namespace

absl::Status TaskScanner::Scan(const std::stop_token& stop, collector::EventSink& sink) {
  const base::Monotonic begin = tracker_.clock.MonotonicNow();
  absl::Status status = Begin();
  if (status.ok()) status = LookAtAll(Look::kFirst, stop, sink);
  if (status.ok()) status = LookAtHidden(stop, sink);
  if (!status.ok()) {
    if (!absl::IsCancelled(status)) ++turn_.statistics().failed_scans;
    return status;
  }
  {
    base::MutexLock lock(tracker_.mu);
    missing_ = turn_.FindMissing();
    if (!live_since_.has_value()) {
      for (const auto& [pid, order] : missing_) turn_.TellStop(pid);
      missing_.clear();
    }
  }
  if (!doubts_.empty() || !missing_.empty()) {
    if (live_since_.has_value()) {
      tracker_.live.AwaitDrained(tracker_.clock.MonotonicNow() + kDrainWait);
    }
    RETURN_IF_ERROR(LookAtAll(Look::kLast, stop, sink));
  }
  base::MutexLock lock(tracker_.mu);
  ResolveMissing();
  RETURN_IF_ERROR(teller_.Flush(sink));
  turn_.End(begin, chosen_.size(), pids_.size(), sink);
  return absl::OkStatus();
}

absl::Status TaskScanner::Begin() {
  base::MutexLock lock(tracker_.mu);
  live_since_ = tracker_.live.live_since();
  doubts_.clear();
  missing_.clear();
  shown_.clear();
  RETURN_IF_ERROR(turn_.Begin());
  if (!lister_.has_value()) {
    ASSIGN_OR_RETURN(lister_, procfs::PidLister::Create(tracker_.fs));
  }
  RETURN_IF_ERROR(lister_->List(pids_));
  turn_.Choose(pids_, chosen_);
  return absl::OkStatus();
}

bool TaskScanner::IsChosen(uint32_t pid) const {
  // What began since the list was made is looked at, too.
  return chosen_.size() == pids_.size() ||
         std::binary_search(chosen_.begin(), chosen_.end(), static_cast<pid_t>(pid));
}

absl::Status TaskScanner::LookAtAll(Look look, const std::stop_token& stop,
                                    collector::EventSink& sink) {
  RETURN_IF_ERROR(reader_->Begin(bpf::TaskReader::Arguments::kRead));
  for (bool is_over = false; !is_over;) {
    if (stop.stop_requested()) return absl::CancelledError("stopped in the middle of a scan");
    base::MutexLock lock(tracker_.mu);
    for (int i = 0; i < kAtOnce; ++i) {
      ASSIGN_OR_RETURN(const bpf::TaskRecord* task, reader_->Next());
      is_over = task == nullptr;
      if (is_over) break;
      if (task->pid == 0) continue;
      if (look == Look::kFirst) {
        Visit(*task, sink);
      } else {
        VisitDoubtful(*task, sink);
      }
      RETURN_IF_ERROR(teller_.FlushIfFull(sink));
    }
  }
  return absl::OkStatus();
}

absl::Status TaskScanner::LookAtHidden(const std::stop_token& stop, collector::EventSink& sink) {
  size_t next = 0;
  for (const pid_t pid : pids_) {
    while (next < shown_.size() && shown_[next] < pid) ++next;
    if (next < shown_.size() && shown_[next] == pid) continue;
    if (stop.stop_requested()) return absl::CancelledError("stopped in the middle of a scan");
    base::MutexLock lock(tracker_.mu);
    procfs_scanner_.VisitHidden(static_cast<uint32_t>(pid), live_since_, sink);
    RETURN_IF_ERROR(teller_.FlushIfFull(sink));
  }
  return absl::OkStatus();
}

bool TaskScanner::IsDoubtful(const bpf::TaskRecord& task, const ProcessTable::Entry* entry) const {
  if (task.is_in_exec) return true;
  if (!live_since_.has_value()) return false;
  const uint64_t start_ticks = tracker_.filler.TicksOf(task.start_boottime_ns);
  if (entry == nullptr) return start_ticks >= *live_since_;
  if (entry->start_ticks != start_ticks || task.has_ended()) return true;
  return entry->record != nullptr && entry->record->exec_id != 0 &&
         entry->record->exec_id != task.exec_id;
}

void TaskScanner::Visit(const bpf::TaskRecord& task, collector::EventSink& sink) {
  shown_.push_back(static_cast<pid_t>(task.pid));
  const uint64_t start_ticks = tracker_.filler.TicksOf(task.start_boottime_ns);
  ProcessTable::Entry* entry = tracker_.table.Find(task.pid);
  if (entry != nullptr && entry->start_ticks == start_ticks) entry->listed_scan = turn_.number();
  if (!IsChosen(task.pid)) return;
  // It ended while a live source told of such, so its STOP has been told.
  if (entry == nullptr && (task.has_ended() || task.is_ending()) &&
      (live_since_.has_value() || start_ticks < tracker_.live.told_until())) {
    return;
  }
  if (IsDoubtful(task, entry)) {
    doubts_[task.pid] = {start_ticks, task.exec_id, task.has_ended()};
    if (entry != nullptr) entry->listed_scan = turn_.number();
    return;
  }
  if (entry != nullptr && entry->start_ticks != start_ticks) {
    turn_.TellStop(task.pid);
    entry = nullptr;
  }
  if (entry == nullptr) {
    VisitNew(task, sink);
  } else {
    VisitKnown(task, *entry, sink);
  }
}

void TaskScanner::VisitDoubtful(const bpf::TaskRecord& task, collector::EventSink& sink) {
  const uint64_t start_ticks = tracker_.filler.TicksOf(task.start_boottime_ns);
  ProcessTable::Entry* entry = tracker_.table.Find(task.pid);
  if (entry != nullptr && entry->start_ticks == start_ticks) entry->listed_scan = turn_.number();
  const auto found = doubts_.find(task.pid);
  if (found == doubts_.end()) return;
  const Doubt& doubt = found->second;
  // Another than at the first look: the ring tells it, or the next scan.
  if (doubt.start_ticks != start_ticks) return;
  teller_.SetReconciling(live_since_.has_value());
  const absl::Cleanup reset = [this] { teller_.SetReconciling(false); };
  if (entry != nullptr && entry->start_ticks != start_ticks) {
    turn_.TellStop(task.pid);
    entry = nullptr;
  }
  if (task.has_ended()) {
    if (entry == nullptr || !doubt.has_ended) return;
    if (entry->record != nullptr) tracker_.reader.ReadExit(*entry->record);
    if (live_since_.has_value()) turn_.TellStop(task.pid);
    return;
  }
  if (entry == nullptr) {
    if (!task.is_ending()) VisitNew(task, sink);
    return;
  }
  const ProcessRecord* record = entry->record.get();
  // The ring has told a later exec than this scan saw.
  if (record != nullptr && record->exec_id > task.exec_id) return;
  // An exec that this scan did not see at its first look: the ring is about to tell it.
  const bool is_told = record == nullptr || record->exec_id >= doubt.exec_id;
  if (live_since_.has_value() && is_told && record != nullptr && record->exec_id != task.exec_id) {
    return;
  }
  if (task.is_in_exec) return;
  VisitKnown(task, *entry, sink);
}

std::unique_ptr<ProcessRecord> TaskScanner::Fill(const bpf::TaskRecord& task) {
  auto record = std::make_unique<ProcessRecord>();
  tracker_.filler.FillNew(task, tracker_.config.collect_enhanced_metadata, *record);
  if (record->is_zombie) tracker_.reader.ReadExit(*record);
  return record;
}

void TaskScanner::VisitNew(const bpf::TaskRecord& task, collector::EventSink& sink) {
  turn_.TellNew(Fill(task), sink);
}

void TaskScanner::VisitKnown(const bpf::TaskRecord& task, ProcessTable::Entry& entry,
                             collector::EventSink& sink) {
  if (entry.record == nullptr) {
    if (tracker_.table.HasRoom()) turn_.Restore(Fill(task), entry);
    return;
  }
  ProcessRecord& record = *entry.record;
  const size_t old_bytes = record.byte_size();
  ProcessFacts previous = FactsOf(record);
  previous_executable_.assign(previous.executable);
  previous.executable = previous_executable_;
  const Change changes =
      tracker_.filler.Update(task, tracker_.config.collect_enhanced_metadata, record);
  if (record.is_zombie && !record.is_exit_known) tracker_.reader.ReadExit(record);
  tracker_.table.Resized(old_bytes, record.byte_size());
  turn_.TellKnown(changes, previous, record, sink);
}

void TaskScanner::ResolveMissing() {
  teller_.SetReconciling(live_since_.has_value());
  for (const auto& [pid, order] : missing_) {
    const ProcessTable::Entry* entry = tracker_.table.Find(pid);
    if (entry == nullptr || entry->order != order || entry->listed_scan == turn_.number()) continue;
    turn_.TellStop(pid);
  }
  teller_.SetReconciling(false);
}

}  // namespace daemoneye::process
