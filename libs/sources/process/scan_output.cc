#include "libs/sources/process/scan_output.h"

#include <optional>

namespace daemoneye::process {
namespace {

constexpr size_t kBatchEvents = 256;
// An identity that is not sent again is at least a process that the next scan sees or misses.
constexpr size_t kMaxShed = 65'536;

}  // namespace

absl::Status ScanOutput::FlushIfFull(collector::EventSink& sink) {
  return events_.size() < kBatchEvents ? absl::OkStatus() : Flush(sink);
}

absl::Status ScanOutput::Flush(collector::EventSink& sink) {
  if (events_.empty()) return absl::OkStatus();
  subjects_.clear();
  for (const event::Event& event : events_) {
    const std::optional<event::ProcessKey> key =
        event::ParseProcessKey(event.process().process_key());
    if (!key.has_value() || event.process().action() == v1::PROCESS_ACTION_SAMPLE) continue;
    subjects_.push_back({*key, event.process().action() == v1::PROCESS_ACTION_STOP});
  }
  const size_t count = events_.size();
  const absl::Status status = sink.Emit(std::exchange(events_, {}));
  if (status.ok()) {
    sent_ += count;
    return status;
  }
  for (const Subject& subject : subjects_) {
    std::vector<event::ProcessKey>& shed = subject.is_stop ? shed_stops_ : shed_;
    if (shed.size() < kMaxShed) shed.push_back(subject.key);
  }
  return absl::IsResourceExhausted(status) ? absl::OkStatus() : status;
}

}  // namespace daemoneye::process
