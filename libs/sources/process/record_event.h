// RecordEventBuilder: makes the one CollectionEvent of a ProcessRecord.
//
// Threads:    one.
// Ownership:  borrows the procfs, the table (for the parent), the counts and the clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/process.pb.h"
#include "libs/base/clock.h"
#include "libs/event/event.h"
#include "libs/event/process_key.h"
#include "libs/event/redaction.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/process_record.h"
#include "libs/sources/process/process_table.h"
#include "libs/sources/process/text_counts.h"
#include "libs/sources/process/user_names.h"

namespace daemoneye::process {

struct RecordEventOptions {
  bool is_enhanced = true;
  bool has_redaction = true;
};

class RecordEventBuilder {
 public:
  // `source`: the name of the event source, which outlives it.
  RecordEventBuilder(const procfs::ProcFs& fs, ProcessTable& table, TextCounts& counts,
                     base::Clock& clock, std::string_view source);

  void SetOptions(const RecordEventOptions& options) { options_ = options; }

  // Follows the wall clock: to be called before each scan.
  void SetBootTime(absl::Time boot_time);

  // When what follows happened; nullopt: now, or, of a START, when the process began.
  void SetEventTime(std::optional<absl::Time> time) { event_time_ = time; }

  // Appends the full record of `record` to `events`, observed now.
  event::Event& Add(const ProcessRecord& record, v1::ProcessAction action,
                    event::EventList& events);

  // Appends the STOP of a process of which only the identity is known.
  event::Event& AddStop(uint32_t pid, uint64_t start_ticks, event::EventList& events);
  // Appends the STOP of `record`: the full record, runtime (nullopt: until now) and, where known,
  // how it ended.
  event::Event& AddStop(const ProcessRecord& record, std::optional<absl::Duration> runtime,
                        event::EventList& events);

  // Appends to `event` the names of the fields in `changes`.
  static void SetModifiedFields(Change changes, event::Event& event);

 private:
  event::Event& NewEvent(v1::ProcessAction action, uint32_t pid, uint64_t start_ticks,
                         event::EventList& events);
  void SetText(event::Event& event, std::string_view bytes, std::string* field);
  void SetIdentity(const ProcessRecord& record, event::Event& event);
  void SetParent(const ProcessRecord& record, event::Event& event);
  void SetCommandLine(const ProcessRecord& record, event::Event& event);
  void SetImage(const ProcessRecord& record, event::Event& event);
  void SetEnhanced(const ProcessRecord& record, event::Event& event);
  absl::Time StartTime(uint64_t start_ticks) const;

  const procfs::ProcFs& fs_;
  ProcessTable& table_;
  TextCounts& counts_;
  base::Clock& clock_;
  event::ProcessKeySpace space_;
  RecordEventOptions options_;
  const std::string_view source_;
  absl::Time boot_time_ = absl::InfinitePast();
  std::optional<absl::Time> event_time_;
  UserNames user_names_;
  event::Redactor redactor_;
  std::vector<std::string_view> arguments_;
};

}  // namespace daemoneye::process
