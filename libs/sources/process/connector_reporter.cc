#include "libs/sources/process/connector_reporter.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "libs/base/status_macros.h"

namespace daemoneye::process {

using netlink::ProcEventKind;

absl::Status ConnectorReporter::Report(const netlink::ProcEventBatch& batch,
                                       collector::EventSink& sink) {
  RETURN_IF_ERROR(teller_.Begin());
  ASSIGN_OR_RETURN(const uint64_t now_ticks, tracker_.NowTicks());
  tracker_.watch.SetNow(now_ticks);
  teller_.TellShedStops();
  // What was counted may have gone by.
  if (batch.lost_count != 0) {
    execs_due_.clear();
    headless_.clear();
    threads_.clear();
  }
  ASSIGN_OR_RETURN(const absl::Time boot_time, tracker_.fs.BootTime());
  for (const Event& event : batch.events) {
    teller_.SetEventTime(boot_time + absl::Nanoseconds(event.boottime_ns));
    if (event.kind == ProcEventKind::kFork && event.is_of_thread()) {
      ++threads_[event.pid];
    } else if (event.kind == ProcEventKind::kFork) {
      OnFork(event, sink);
    } else if (event.kind == ProcEventKind::kExec) {
      OnExec(event, sink);
    } else if (event.kind == ProcEventKind::kExit) {
      OnExit(event);
    }
  }
  return teller_.Flush(sink);
}

absl::StatusOr<procfs::ProcStat> ConnectorReporter::ReadStat(const Event& event) {
  auto stat = tracker_.reader.ReadStat(event.pid);
  if (stat.ok() && stat->start_ticks > TicksOf(event)) {
    return absl::NotFoundError("another process has its pid");
  }
  return stat;
}

ProcessTable::Entry* ConnectorReporter::Find(const Event& event, const procfs::ProcStat* stat) {
  ProcessTable::Entry* entry = tracker_.table.Find(event.pid);
  if (entry == nullptr) return nullptr;
  // A fork is told some microseconds after the process began: at the latest in the next tick.
  const bool is_same = stat != nullptr ? entry->start_ticks == stat->start_ticks
                       : event.kind == ProcEventKind::kFork
                           ? entry->start_ticks + 1 >= TicksOf(event)
                           : true;
  if (is_same) return entry->start_ticks <= TicksOf(event) ? entry : nullptr;
  if (entry->start_ticks > TicksOf(event)) return nullptr;
  teller_.SetReconciling(true);
  teller_.TellStop(event.pid, *entry);
  teller_.SetReconciling(false);
  tracker_.table.Remove(event.pid);
  return nullptr;
}

std::unique_ptr<ProcessRecord> ConnectorReporter::NewRecord(const Event& event,
                                                            const procfs::ProcStat* stat) {
  auto record = std::make_unique<ProcessRecord>();
  if (stat != nullptr) {
    tracker_.reader.ReadNew(*stat, tracker_.config.collect_enhanced_metadata, *record);
  } else {
    record->pid = event.pid;
    record->ppid = event.parent_pid;
    record->start_ticks = TicksOf(event);
    record->are_details_missing = true;
    // It began as its parent's image.
    const ProcessTable::Entry* parent = tracker_.table.Find(event.parent_pid);
    if (parent != nullptr && parent->record != nullptr) record->texts = parent->record->texts;
  }
  record->first_scan = tracker_.scan;
  record->is_own = tracker_.own.Contains(record->pid, record->start_ticks);
  tracker_.RequestHash(*record);
  return record;
}

ProcessRecord& ConnectorReporter::Keep(std::unique_ptr<ProcessRecord> record,
                                       ProcessTable::Entry* entry) {
  if (entry == nullptr) {
    entry = &tracker_.table.Add(std::move(record));
    entry->listed_scan = tracker_.scan;
  } else {
    tracker_.table.Restore(*entry, std::move(record));
  }
  return *entry->record;
}

void ConnectorReporter::OnFork(const Event& event, collector::EventSink& sink) {
  const absl::StatusOr<procfs::ProcStat> read = ReadStat(event);
  const procfs::ProcStat* stat = read.ok() ? &*read : nullptr;
  headless_.erase(event.pid);
  threads_.erase(event.pid);
  if (Find(event, stat) != nullptr) return;  // a scan was faster
  execs_due_[event.pid] = 0;
  std::unique_ptr<ProcessRecord> child = NewRecord(event, stat);
  // Orphaned meanwhile it has another parent in /proc; who forked it is told.
  child->ppid = event.parent_pid;
  teller_.TellNew(Keep(std::move(child), nullptr), ProcessTeller::Beginning::kForked, sink);
  tracker_.evicted += tracker_.table.Evict();
}

// What cannot be read any more is not that of the image before.
Change ConnectorReporter::UpdateByExec(const procfs::ProcStat* stat, ProcessRecord& record) {
  Change changes = Change::kExec;
  if (stat != nullptr && !stat->is_zombie()) {
    const auto updated =
        tracker_.reader.Update(*stat, tracker_.config.collect_enhanced_metadata, record);
    if (updated.ok()) return changes | *updated;
  }
  const ProcessRecord before = std::exchange(record, ProcessRecord());
  record.pid = before.pid;
  record.ppid = before.ppid;
  record.start_ticks = before.start_ticks;
  record.exec_count = before.exec_count;
  record.first_scan = before.first_scan;
  record.is_own = before.is_own;
  record.are_details_missing = true;
  return changes;
}

void ConnectorReporter::OnExec(const Event& event, collector::EventSink& sink) {
  // The thread that called it is the only one and the first one now.
  headless_.erase(event.pid);
  threads_.erase(event.pid);
  const absl::StatusOr<procfs::ProcStat> read = ReadStat(event);
  const procfs::ProcStat* stat = read.ok() ? &*read : nullptr;
  ProcessTable::Entry* entry = Find(event, stat);
  if (entry == nullptr || entry->record == nullptr) {
    if (stat == nullptr) return;  // who it was, the exit that follows does not know either
    ProcessRecord& fresh = Keep(NewRecord(event, stat), entry);
    fresh.exec_count = 1;
    execs_due_[event.pid] = 1;
    teller_.TellChange(Change::kExec, fresh, sink);
    teller_.TellSuspicions(nullptr, fresh);
    tracker_.evicted += tracker_.table.Evict();
    return;
  }
  ProcessRecord& known = *entry->record;
  const auto [due, is_first] = execs_due_.try_emplace(event.pid, known.exec_count);
  if (known.exec_count >= ++due->second) return;  // a scan was faster
  const size_t old_bytes = known.byte_size();
  ProcessFacts previous = FactsOf(known);
  previous_executable_.assign(previous.executable);
  previous.executable = previous_executable_;
  Change changes = UpdateByExec(stat, known);
  known.exec_count = due->second;
  if (tracker_.RequestHash(known)) changes |= Change::kHash;
  tracker_.table.Resized(old_bytes, known.byte_size());
  teller_.TellChange(changes, known, sink);
  teller_.TellSuspicions(&previous, known);
}

void ConnectorReporter::OnExit(const Event& event) {
  // A process ends with its last thread, which need not be the first one; or it does not end, when
  // the first one makes room for another that called exec.
  if (event.is_of_thread()) {
    const auto threads = threads_.find(event.pid);
    if (threads != threads_.end() && --threads->second == 0) threads_.erase(threads);
    if (!headless_.contains(event.pid)) return;
  }
  const absl::StatusOr<procfs::ProcStat> read = ReadStat(event);
  const procfs::ProcStat* stat = read.ok() ? &*read : nullptr;
  const bool has_others = stat != nullptr && (!stat->is_zombie() || stat->num_threads > 1);
  if (has_others || threads_.contains(event.pid)) {
    headless_.insert(event.pid);
    return;
  }
  headless_.erase(event.pid);
  TellExit(event, stat);
  execs_due_.erase(event.pid);
}

void ConnectorReporter::TellExit(const Event& event, const procfs::ProcStat* stat) {
  ProcessTable::Entry* entry = Find(event, stat);
  ProcessRecord unknown;
  ProcessRecord* ended = entry != nullptr ? entry->record.get() : nullptr;
  if (ended == nullptr) {
    const uint64_t start_ticks = entry != nullptr  ? entry->start_ticks
                                 : stat != nullptr ? stat->start_ticks
                                                   : 0;
    // Which process it was nobody knows, or a scan has told it.
    if (start_ticks == 0 || tracker_.WasStopped(event.pid, start_ticks)) return;
    unknown.pid = event.pid;
    unknown.ppid = event.parent_pid;
    unknown.start_ticks = start_ticks;
    unknown.are_details_missing = true;
    ended = &unknown;
  }
  ended->is_zombie = true;
  ended->is_exit_known = true;
  ended->exit_code = static_cast<int32_t>(event.wait_status & 0xFFFF);
  const uint64_t tick_ns = 1'000'000'000 / tracker_.fs.ticks_per_second();
  const uint64_t began_ns = std::min(ended->start_ticks * tick_ns, event.boottime_ns);
  teller_.TellStop(*ended, absl::Nanoseconds(event.boottime_ns - began_ns));
  if (entry != nullptr) tracker_.table.Remove(event.pid);
}

}  // namespace daemoneye::process
