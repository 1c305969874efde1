// ProcessTeller: what one source says of processes: events of their records, in batches.
//
// Threads:    under the tracker's lock.
// Ownership:  borrows the tracker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/collector/event_source.h"
#include "libs/sources/process/process_record.h"
#include "libs/sources/process/process_table.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/record_event.h"
#include "libs/sources/process/scan_output.h"
#include "libs/sources/process/suspicion_rules.h"

namespace daemoneye::process {

class ProcessTeller {
 public:
  // `source`: its name, which outlives it.
  ProcessTeller(ProcessTracker& tracker, std::string_view source);

  // To be called before a turn: takes over the tracker's settings.
  absl::Status Begin();

  // About as many events follow: their list grows once.
  void Expect(size_t events) { output_.events().reserve(events); }
  // What follows was found out without having been told as it happened.
  void SetReconciling(bool is_reconciling) { is_reconciling_ = is_reconciling; }
  // When what follows happened; nullopt: now, or, of a START, when the process began.
  void SetEventTime(std::optional<absl::Time> time) { builder_.SetEventTime(time); }

  enum class Beginning { kRanBefore, kStarted, kForked };
  // A process that was not known. Of kForked the image is no new one.
  void TellNew(ProcessRecord& record, Beginning beginning, collector::EventSink& sink);
  // A process whose details were given up and are known again.
  void TellRestored(const ProcessRecord& record);
  // EXEC, MODIFIED, SAMPLE or nothing.
  void TellChange(Change changes, ProcessRecord& record, collector::EventSink& sink);
  // What is odd about it; `previous` is what it was, null for a new process.
  void TellSuspicions(const ProcessFacts* previous, ProcessRecord& record);
  // `runtime`: nullopt: until now.
  void TellStop(uint32_t pid, const ProcessTable::Entry& entry,
                std::optional<absl::Duration> runtime = std::nullopt);
  void TellStop(const ProcessRecord& record, std::optional<absl::Duration> runtime);
  // STOPs that were shed.
  void TellShedStops();
  // What the hasher has found since.
  absl::Status TellHashes(collector::EventSink& sink);

  absl::Status FlushIfFull(collector::EventSink& sink) { return output_.FlushIfFull(sink); }
  // Sends all; what is shed is told anew by a later scan.
  absl::Status Flush(collector::EventSink& sink);

  // Events sent.
  uint64_t sent() const { return output_.sent(); }
  bool has_shed() const { return has_shed_; }

 private:
  bool IsOfOtherImage(const HashResult& result, const ProcessRecord& record);
  absl::Status TellHash(const HashResult& result, collector::EventSink& sink);
  void NoteShed();
  event::Event& Marked(event::Event& event) const;

  ProcessTracker& tracker_;
  RecordEventBuilder builder_;
  ScanOutput output_;
  bool is_reconciling_ = false;
  bool has_shed_ = false;
};

}  // namespace daemoneye::process
