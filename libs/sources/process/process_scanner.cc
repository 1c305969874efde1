#include "libs/sources/process/process_scanner.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::process {

ProcessScanner::ProcessScanner(const procfs::ProcFs& fs, const ProcessSourceConfig& config,
                               ExecutableHasher& hasher, const OwnProcesses& own,
                               base::Clock& clock, PackageDatabase packages)
    : fs_(fs),
      hasher_(hasher),
      own_(own),
      clock_(clock),
      config_(config),
      reader_(fs, clock),
      table_(config.max_tracked_processes, config.max_tracked_bytes),
      builder_(fs, table_, clock),
      watch_(fs, table_, reader_, std::move(packages), clock) {
  SetConfig(config);
}

void ProcessScanner::SetConfig(const ProcessSourceConfig& config) {
  config_ = config;
  table_.SetBounds(config.max_tracked_processes, config.max_tracked_bytes);
  builder_.SetOptions({.is_enhanced = config.collect_enhanced_metadata,
                       .has_redaction = config.redact_command_lines});
}

absl::Status ProcessScanner::Scan(const std::stop_token& stop, collector::EventSink& sink) {
  const base::Monotonic begin = clock_.MonotonicNow();
  if (absl::Status status = Begin(); !status.ok()) {
    ++statistics_.failed_scans;
    return status;
  }
  for (const event::ProcessKey& key : output_.TakeShedStops()) {
    builder_.AddStop(key.pid, key.start_ticks, output_.events())
        .mutable_process()
        ->set_reconciled(true);
  }
  RETURN_IF_ERROR(VisitChosen(stop, sink));
  EmitStopsOfMissing();
  RETURN_IF_ERROR(output_.Flush(sink));
  NoteShed();
  End(begin, sink);
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

absl::Status ProcessScanner::Begin() {
  if (!lister_.has_value()) {
    ASSIGN_OR_RETURN(lister_, procfs::PidLister::Create(fs_));
  }
  ASSIGN_OR_RETURN(const absl::Time boot_time, fs_.BootTime());
  RETURN_IF_ERROR(lister_->List(pids_));
  builder_.SetBootTime(boot_time);
  const double seconds = absl::ToDoubleSeconds(clock_.Now() - boot_time);
  const auto now_ticks =
      static_cast<uint64_t>(std::max(0.0, seconds) * static_cast<double>(fs_.ticks_per_second()));
  if (++scan_ == 1) first_ticks_ = now_ticks;
  watch_.BeginScan(scan_, now_ticks);
  statistics_.last_inaccessible = 0;
  Choose();
  return absl::OkStatus();
}

void ProcessScanner::Choose() {
  const size_t count = config_.max_processes_per_cycle;
  if (count == 0 || count >= pids_.size()) {
    chosen_ = pids_;
  } else {
    auto first = std::upper_bound(pids_.begin(), pids_.end(), last_pid_);
    chosen_.clear();
    for (size_t i = 0; i < count; ++i) {
      if (first == pids_.end()) first = pids_.begin();
      chosen_.push_back(*first++);
    }
    last_pid_ = chosen_.back();
  }
  // Only a process that the kernel no longer lists is gone; one that is not read now is not.
  for (const pid_t pid : pids_) {
    ProcessTable::Entry* entry = table_.Find(static_cast<uint32_t>(pid));
    if (entry != nullptr) entry->listed_scan = scan_;
  }
}

absl::Status ProcessScanner::Visit(uint32_t pid, Look look, collector::EventSink& sink) {
  const auto stat = reader_.ReadStat(pid);
  ProcessTable::Entry* entry = table_.Find(pid);
  if (!stat.ok()) {
    const bool is_gone = absl::IsNotFound(stat.status());
    ++(is_gone ? statistics_.vanished : statistics_.unreadable);
    if (is_gone && entry != nullptr) entry->listed_scan = 0;
    return absl::OkStatus();
  }
  if (entry != nullptr && entry->start_ticks != stat->start_ticks) {
    EmitStop(pid, *entry);
    table_.Remove(pid);
    entry = nullptr;
  }
  if (entry == nullptr) {
    VisitNew(*stat, look, sink);
  } else if (entry->record != nullptr) {
    VisitKnown(*stat, *entry->record, sink);
  } else if (table_.HasRoom()) {
    Restore(*stat, *entry);
  }
  return output_.FlushIfFull(sink);
}

void ProcessScanner::VisitNew(const procfs::ProcStat& stat, Look look, collector::EventSink& sink) {
  auto record = std::make_unique<ProcessRecord>();
  reader_.ReadNew(stat, config_.collect_enhanced_metadata, *record);
  if (record->is_in_exec && look == Look::kFirst) {
    in_exec_.push_back(record->pid);
    return;
  }
  record->first_scan = scan_;
  record->is_own = own_.Contains(record->pid, record->start_ticks);
  RequestHash(*record);
  if (record->are_details_missing) ++statistics_.vanished;
  const bool has_image = !record->is_kernel_thread && !record->is_zombie;
  if (has_image && !record->is_accessible) ++statistics_.last_inaccessible;
  const bool ran_before = scan_ == 1 || record->start_ticks < first_ticks_;
  ProcessTable::Entry& entry = table_.Add(std::move(record));
  entry.listed_scan = scan_;
  const bool is_start = !ran_before && config_.track_process_lifecycle;
  if (!ran_before && !is_start) sink.CountFiltered(1);
  event::Event& event =
      builder_.Add(*entry.record, is_start ? v1::PROCESS_ACTION_START : v1::PROCESS_ACTION_SNAPSHOT,
                   output_.events());
  // The EXEC that ends it shows the image.
  if (!entry.record->is_in_exec) event.mutable_process()->set_first_image(true);
  EmitSuspicions(nullptr, *entry.record);
  statistics_.evicted += table_.Evict();
}

void ProcessScanner::Restore(const procfs::ProcStat& stat, ProcessTable::Entry& entry) {
  auto record = std::make_unique<ProcessRecord>();
  reader_.ReadNew(stat, config_.collect_enhanced_metadata, *record);
  record->first_scan = scan_;
  record->is_own = own_.Contains(record->pid, record->start_ticks);
  RequestHash(*record);
  table_.Restore(entry, std::move(record));
  builder_.Add(*entry.record, v1::PROCESS_ACTION_SNAPSHOT, output_.events());
}

void ProcessScanner::VisitKnown(const procfs::ProcStat& stat, ProcessRecord& record,
                                collector::EventSink& sink) {
  const size_t old_bytes = record.byte_size();
  ProcessFacts previous = FactsOf(record);
  previous_executable_.assign(previous.executable);
  previous.executable = previous_executable_;
  const bool is_enhanced = config_.collect_enhanced_metadata;
  const auto updated = reader_.Update(stat, is_enhanced, record);
  if (absl::IsUnavailable(updated.status())) {
    in_exec_.push_back(record.pid);
    table_.Resized(old_bytes, record.byte_size());
    return;
  }
  if (!updated.ok()) {
    ++(absl::IsNotFound(updated.status()) ? statistics_.vanished : statistics_.unreadable);
    table_.Resized(old_bytes, record.byte_size());
    return;
  }
  Change changes = *updated;
  const bool has_files = !record.is_kernel_thread && !record.is_zombie;
  if (has_files && record.first_scan + 1 == scan_) {
    changes |= reader_.ReadDetails(is_enhanced, record);
  }
  if (has_files && !record.is_accessible) ++statistics_.last_inaccessible;
  if (Has(changes, Change::kExec)) ++record.exec_count;
  const bool is_hash_missing = record.is_hash_wanted || (config_.compute_executable_hashes &&
                                                         record.hash_state == 0 && has_files);
  if (Has(changes, Change::kExec | Change::kImage) || is_hash_missing) {
    RequestHash(record);
    if (record.digest != nullptr) changes |= Change::kHash;
  }
  table_.Resized(old_bytes, record.byte_size());
  EmitChange(changes, record, sink);
  constexpr Change kLooks = Change::kExec | Change::kImage | Change::kExecutable |
                            Change::kFileExists | Change::kMismatch;
  if (Has(changes, kLooks) || record.is_mismatched || record.first_scan + 1 == scan_) {
    EmitSuspicions(&previous, record);
  }
}

void ProcessScanner::EmitChange(Change changes, ProcessRecord& record, collector::EventSink& sink) {
  const bool is_exec = Has(changes, Change::kExec);
  const bool is_modified = Has(changes, kModifications);
  event::EventList& events = output_.events();
  if (is_exec || is_modified) {
    v1::ProcessAction action = is_exec ? v1::PROCESS_ACTION_EXEC : v1::PROCESS_ACTION_MODIFIED;
    if (!config_.track_process_lifecycle) {
      sink.CountFiltered(1);
      action = v1::PROCESS_ACTION_SNAPSHOT;
    }
    event::Event& event = builder_.Add(record, action, events);
    if (is_exec) event.mutable_process()->set_first_image(true);
    if (action == v1::PROCESS_ACTION_MODIFIED) builder_.SetModifiedFields(changes, event);
  } else if (record.is_unannounced) {
    builder_.Add(record, v1::PROCESS_ACTION_SNAPSHOT, events);
  } else if (config_.samples == SamplePolicy::kAll ||
             (config_.samples == SamplePolicy::kChanged && Has(changes, Change::kReading))) {
    builder_.Add(record, v1::PROCESS_ACTION_SAMPLE, events);
  }
  record.is_unannounced = false;
}

void ProcessScanner::EmitSuspicions(const ProcessFacts* previous, ProcessRecord& record) {
  if (!config_.detect_suspicious_events) return;
  for (const Suspicion& suspicion : watch_.Check(previous, record)) {
    event::Event& event = builder_.Add(record, v1::PROCESS_ACTION_SUSPICIOUS, output_.events());
    v1::Suspicion& told = *event.mutable_process()->mutable_suspicion();
    told.set_rule(RuleName(suspicion.rule).data(), RuleName(suspicion.rule).size());
    told.set_severity(suspicion.severity);
    told.set_reason(suspicion.reason);
  }
}

void ProcessScanner::EmitStop(uint32_t pid, const ProcessTable::Entry& entry) {
  if (entry.record != nullptr) {
    builder_.AddStop(*entry.record, output_.events());
  } else {
    builder_.AddStop(pid, entry.start_ticks, output_.events());
  }
}

void ProcessScanner::EmitStopsOfMissing() {
  missing_.clear();
  for (const auto& [pid, entry] : table_.entries()) {
    if (entry.listed_scan != scan_) missing_.emplace_back(pid, entry.order);
  }
  // The oldest last: a parent is still there to be named by its child.
  std::sort(missing_.begin(), missing_.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [pid, order] : missing_) {
    EmitStop(pid, *table_.Find(pid));
    table_.Remove(pid);
  }
}

void ProcessScanner::RequestHash(ProcessRecord& record) {
  record.digest = nullptr;
  record.is_hash_wanted = false;
  record.hash_state = v1::HASH_STATE_UNSPECIFIED;
  if (!config_.compute_executable_hashes || record.is_kernel_thread || record.is_zombie) return;
  if (!record.image.is_known()) {
    if (!record.is_accessible) record.hash_state = v1::HASH_STATE_UNREADABLE;
    return;
  }
  const auto image = reader_.StatImage();
  if (image.ok()) record.digest = hasher_.Find(*image);
  if (record.digest != nullptr) {
    record.hash_state = v1::HASH_STATE_AVAILABLE;
    return;
  }
  record.hash_state = v1::HASH_STATE_PENDING;
  record.is_hash_wanted = !hasher_.Request(record.pid, record.start_ticks);
  if (record.is_hash_wanted) ++statistics_.hashes_deferred;
}

absl::Status ProcessScanner::ApplyHashes(collector::EventSink& sink) {
  for (const HashResult& result : hasher_.TakeResults()) {
    RETURN_IF_ERROR(ApplyHash(result, sink));
  }
  RETURN_IF_ERROR(output_.Flush(sink));
  NoteShed();
  return absl::OkStatus();
}

absl::Status ProcessScanner::ApplyHash(const HashResult& result, collector::EventSink& sink) {
  ProcessTable::Entry* entry = table_.Find(result.pid);
  if (entry == nullptr || entry->record == nullptr || entry->start_ticks != result.start_ticks) {
    return absl::OkStatus();
  }
  ProcessRecord& record = *entry->record;
  if (record.hash_state != v1::HASH_STATE_PENDING) return absl::OkStatus();
  const bool is_other_image =
      result.image.inode != 0 &&
      (result.image.inode != record.image.inode || result.image.device != record.image.device);
  if (is_other_image) {  // an exec that the next scan will find
    record.is_hash_wanted = true;
    return absl::OkStatus();
  }
  record.hash_state = static_cast<uint8_t>(result.state);
  record.digest = result.digest;
  Change changes = Change::kHashState;
  if (result.digest != nullptr) changes |= Change::kHash;
  EmitChange(changes, record, sink);
  return output_.FlushIfFull(sink);
}

void ProcessScanner::NoteShed() {
  for (const event::ProcessKey& key : output_.TakeShed()) {
    ProcessTable::Entry* entry = table_.Find(key.pid);
    if (entry == nullptr || entry->start_ticks != key.start_ticks) continue;
    if (entry->record != nullptr) entry->record->is_unannounced = true;
  }
}

void ProcessScanner::End(base::Monotonic begin, collector::EventSink& sink) {
  const uint64_t evicted =
      statistics_.evicted - std::exchange(reported_evicted_, statistics_.evicted);
  if (evicted != 0) sink.ReportLoss("tracking", "evicted", evicted);
  const absl::Time now = clock_.Now();
  if (output_.sent() != 0 && output_.sent() != std::exchange(reported_sent_, output_.sent())) {
    statistics_.last_event_time = now;
  }
  ++statistics_.scans;
  statistics_.last_read = chosen_.size();
  statistics_.last_total = pids_.size();
  statistics_.last_duration = base::Elapsed(begin, clock_.MonotonicNow());
  statistics_.last_end = now;
  statistics_.tracked = table_.record_count();
  statistics_.tracked_bytes = table_.byte_size();
  statistics_.untracked = table_.identity_count();
  statistics_.redactions = builder_.redactions();
  statistics_.truncated_command_lines = builder_.truncated_command_lines();
  statistics_.truncated_texts = builder_.truncated_texts();
}

}  // namespace daemoneye::process
