#include "libs/sources/process/probe_reporter.h"

#include <memory>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::process {

absl::Status ProbeReporter::Report(const bpf::ProbeBatch& batch, collector::EventSink& sink) {
  RETURN_IF_ERROR(teller_.Begin());
  ASSIGN_OR_RETURN(const uint64_t now_ticks, tracker_.NowTicks());
  tracker_.watch.SetNow(now_ticks);
  teller_.Expect(batch.records.size());
  teller_.TellShedStops();
  ASSIGN_OR_RETURN(const absl::Time boot_time, tracker_.fs.BootTime());
  uint64_t outside = 0;
  for (const bpf::ProbeRecord& record : batch.records) {
    if (record.task.pid == 0) {  // of a pid namespace above ours
      ++outside;
      continue;
    }
    teller_.SetEventTime(boot_time + absl::Nanoseconds(record.boottime_ns));
    switch (record.event) {
      case bpf::Event::kFork:
        OnFork(record, sink);
        break;
      case bpf::Event::kExec:
        OnExec(record, sink);
        break;
      case bpf::Event::kExit:
        OnExit(record);
        break;
    }
  }
  if (outside != 0) sink.CountFiltered(outside);
  return teller_.Flush(sink);
}

ProcessTable::Entry* ProbeReporter::Find(const bpf::TaskRecord& task) {
  ProcessTable::Entry* entry = tracker_.table.Find(task.pid);
  if (entry == nullptr) return nullptr;
  const uint64_t start_ticks = tracker_.filler.TicksOf(task.start_boottime_ns);
  if (entry->start_ticks == start_ticks) return entry;
  // A record of a process that a scan has already told to be gone.
  if (entry->start_ticks > start_ticks) return nullptr;
  teller_.SetReconciling(true);
  teller_.TellStop(task.pid, *entry);
  teller_.SetReconciling(false);
  tracker_.table.Remove(task.pid);
  return nullptr;
}

void ProbeReporter::OnFork(const bpf::ProbeRecord& record, collector::EventSink& sink) {
  const bpf::TaskRecord& task = record.task;
  if (Find(task) != nullptr) return;  // a scan was faster
  const ProcessTable::Entry* parent = tracker_.table.Find(task.ppid);
  auto child = std::make_unique<ProcessRecord>();
  tracker_.filler.FillForked(task, parent != nullptr ? parent->record.get() : nullptr,
                             tracker_.config.collect_enhanced_metadata, *child);
  child->first_scan = tracker_.scan;
  child->is_own = tracker_.own.Contains(child->pid, child->start_ticks);
  tracker_.RequestHash(*child);
  ProcessTable::Entry& entry = tracker_.table.Add(std::move(child));
  entry.listed_scan = tracker_.scan;
  teller_.TellNew(*entry.record, ProcessTeller::Beginning::kForked, sink);
  tracker_.evicted += tracker_.table.Evict();
}

void ProbeReporter::OnExec(const bpf::ProbeRecord& record, collector::EventSink& sink) {
  const bpf::TaskRecord& task = record.task;
  ProcessTable::Entry* entry = Find(task);
  const bool is_enhanced = tracker_.config.collect_enhanced_metadata;
  if (entry == nullptr || entry->record == nullptr) {
    auto fresh = std::make_unique<ProcessRecord>();
    tracker_.filler.FillNew(task, is_enhanced, *fresh);
    fresh->first_scan = tracker_.scan;
    fresh->exec_count = 1;
    fresh->is_own = tracker_.own.Contains(fresh->pid, fresh->start_ticks);
    tracker_.RequestHash(*fresh);
    if (entry == nullptr) {
      entry = &tracker_.table.Add(std::move(fresh));
      entry->listed_scan = tracker_.scan;
    } else {
      tracker_.table.Restore(*entry, std::move(fresh));
    }
    teller_.TellChange(Change::kExec, *entry->record, sink);
    teller_.TellSuspicions(nullptr, *entry->record);
    tracker_.evicted += tracker_.table.Evict();
    return;
  }
  ProcessRecord& known = *entry->record;
  if (known.exec_id != 0 && known.exec_id >= task.exec_id) return;  // a scan was faster
  const size_t old_bytes = known.byte_size();
  ProcessFacts previous = FactsOf(known);
  previous_executable_.assign(previous.executable);
  previous.executable = previous_executable_;
  Change changes = tracker_.filler.UpdateByExec(task, is_enhanced, known);
  ++known.exec_count;
  if (tracker_.RequestHash(known)) changes |= Change::kHash;
  tracker_.table.Resized(old_bytes, known.byte_size());
  teller_.TellChange(changes, known, sink);
  teller_.TellSuspicions(&previous, known);
}

void ProbeReporter::OnExit(const bpf::ProbeRecord& record) {
  const bpf::TaskRecord& task = record.task;
  const absl::Duration runtime = absl::Nanoseconds(record.boottime_ns - task.start_boottime_ns);
  ProcessTable::Entry* entry = Find(task);
  ProcessRecord unknown;
  ProcessRecord* ended = entry != nullptr ? entry->record.get() : nullptr;
  if (ended == nullptr) {
    if (tracker_.WasStopped(task.pid, tracker_.filler.TicksOf(task.start_boottime_ns))) return;
    tracker_.filler.FillForked(task, nullptr, tracker_.config.collect_enhanced_metadata, unknown);
    unknown.are_details_missing = true;
    unknown.is_own = tracker_.own.Contains(unknown.pid, unknown.start_ticks);
    ended = &unknown;
  }
  ended->is_zombie = true;
  ended->is_exit_known = true;
  ended->exit_code = (record.exit.code << 8) | record.exit.signal;
  teller_.TellStop(*ended, runtime);
  tracker_.NoteEnded(ended->pid, ended->start_ticks);
  if (entry != nullptr) tracker_.table.Remove(task.pid);
}

}  // namespace daemoneye::process
