#include "libs/sources/process/process_teller.h"

#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::process {

ProcessTeller::ProcessTeller(ProcessTracker& tracker, std::string_view source)
    : tracker_(tracker),
      builder_(tracker.fs, tracker.table, tracker.text_counts, tracker.clock, source) {}

absl::Status ProcessTeller::Begin() {
  ASSIGN_OR_RETURN(const absl::Time boot_time, tracker_.fs.BootTime());
  builder_.SetBootTime(boot_time);
  builder_.SetOptions({.is_enhanced = tracker_.config.collect_enhanced_metadata,
                       .has_redaction = tracker_.config.redact_command_lines});
  return absl::OkStatus();
}

event::Event& ProcessTeller::Marked(event::Event& event) const {
  if (is_reconciling_) event.mutable_process()->set_reconciled(true);
  return event;
}

void ProcessTeller::TellNew(ProcessRecord& record, Beginning beginning,
                            collector::EventSink& sink) {
  const bool has_started = beginning != Beginning::kRanBefore;
  const bool is_start = has_started && tracker_.config.track_process_lifecycle;
  if (has_started && !is_start) sink.CountFiltered(1);
  event::Event& event = Marked(builder_.Add(
      record, is_start ? v1::PROCESS_ACTION_START : v1::PROCESS_ACTION_SNAPSHOT, output_.events()));
  // The EXEC that ends it shows the image.
  if (beginning != Beginning::kForked && !record.is_in_exec) {
    event.mutable_process()->set_first_image(true);
  }
}

void ProcessTeller::TellRestored(const ProcessRecord& record) {
  builder_.Add(record, v1::PROCESS_ACTION_SNAPSHOT, output_.events());
}

void ProcessTeller::TellChange(Change changes, ProcessRecord& record, collector::EventSink& sink) {
  const bool is_exec = Has(changes, Change::kExec);
  const bool is_modified = Has(changes, kModifications);
  event::EventList& events = output_.events();
  const SamplePolicy samples = tracker_.config.samples;
  if (is_exec || is_modified) {
    v1::ProcessAction action = is_exec ? v1::PROCESS_ACTION_EXEC : v1::PROCESS_ACTION_MODIFIED;
    if (!tracker_.config.track_process_lifecycle) {
      sink.CountFiltered(1);
      action = v1::PROCESS_ACTION_SNAPSHOT;
    }
    event::Event& event = builder_.Add(record, action, events);
    if (is_exec) Marked(event).mutable_process()->set_first_image(true);
    if (action == v1::PROCESS_ACTION_MODIFIED) builder_.SetModifiedFields(changes, event);
  } else if (record.is_unannounced) {
    builder_.Add(record, v1::PROCESS_ACTION_SNAPSHOT, events);
  } else if (samples == SamplePolicy::kAll ||
             (samples == SamplePolicy::kChanged && Has(changes, Change::kReading))) {
    builder_.Add(record, v1::PROCESS_ACTION_SAMPLE, events);
  }
  record.is_unannounced = false;
}

void ProcessTeller::TellSuspicions(const ProcessFacts* previous, ProcessRecord& record) {
  if (!tracker_.config.detect_suspicious_events) return;
  for (const Suspicion& suspicion : tracker_.watch.Check(previous, record)) {
    event::Event& event = builder_.Add(record, v1::PROCESS_ACTION_SUSPICIOUS, output_.events());
    v1::Suspicion& told = *event.mutable_process()->mutable_suspicion();
    told.set_rule(RuleName(suspicion.rule).data(), RuleName(suspicion.rule).size());
    told.set_severity(suspicion.severity);
    told.set_reason(suspicion.reason);
  }
}

void ProcessTeller::TellStop(const ProcessRecord& record, std::optional<absl::Duration> runtime) {
  Marked(builder_.AddStop(record, runtime, output_.events()));
}

void ProcessTeller::TellStop(uint32_t pid, const ProcessTable::Entry& entry,
                             std::optional<absl::Duration> runtime) {
  if (entry.record != nullptr) {
    TellStop(*entry.record, runtime);
  } else {
    Marked(builder_.AddStop(pid, entry.start_ticks, output_.events()));
  }
}

void ProcessTeller::TellShedStops() {
  has_shed_ = false;
  for (const event::ProcessKey& key : output_.TakeShedStops()) {
    builder_.AddStop(key.pid, key.start_ticks, output_.events())
        .mutable_process()
        ->set_reconciled(true);
  }
}

absl::Status ProcessTeller::TellHashes(collector::EventSink& sink) {
  for (const HashResult& result : tracker_.hasher.TakeResults()) {
    RETURN_IF_ERROR(TellHash(result, sink));
  }
  return Flush(sink);
}

bool ProcessTeller::IsOfOtherImage(const HashResult& result, const ProcessRecord& record) {
  if (result.image.inode == 0) return false;
  ImageIdentity image = record.image;
  // What the kernel calls the same file cannot be held against what the hasher's stat(2) calls it.
  if (record.is_image_of_kernel) {
    if (!tracker_.reader.Select(record.pid).ok()) return false;
    const auto now = tracker_.reader.StatImage();
    if (!now.ok()) return false;
    image = {now->device, now->inode, now->mode, now->owner_uid};
  }
  return result.image.inode != image.inode || result.image.device != image.device;
}

absl::Status ProcessTeller::TellHash(const HashResult& result, collector::EventSink& sink) {
  ProcessTable::Entry* entry = tracker_.table.Find(result.pid);
  if (entry == nullptr || entry->record == nullptr || entry->start_ticks != result.start_ticks) {
    return absl::OkStatus();
  }
  ProcessRecord& record = *entry->record;
  if (record.hash_state != v1::HASH_STATE_PENDING) return absl::OkStatus();
  if (IsOfOtherImage(result, record)) {  // an exec that was not told yet
    record.is_hash_wanted = true;
    return absl::OkStatus();
  }
  record.hash_state = static_cast<uint8_t>(result.state);
  record.digest = result.digest;
  Change changes = Change::kHashState;
  if (result.digest != nullptr) changes |= Change::kHash;
  TellChange(changes, record, sink);
  return output_.FlushIfFull(sink);
}

absl::Status ProcessTeller::Flush(collector::EventSink& sink) {
  RETURN_IF_ERROR(output_.Flush(sink));
  NoteShed();
  return absl::OkStatus();
}

void ProcessTeller::NoteShed() {
  has_shed_ |= output_.has_shed();
  for (const event::ProcessKey& key : output_.TakeShed()) {
    ProcessTable::Entry* entry = tracker_.table.Find(key.pid);
    if (entry == nullptr || entry->start_ticks != key.start_ticks) continue;
    if (entry->record != nullptr) entry->record->is_unannounced = true;
  }
}

}  // namespace daemoneye::process
