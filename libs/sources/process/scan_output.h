// ScanOutput: hands a scan's events to the sink in batches, and keeps account of what it sheds.
//
// What is shed is not forgotten: processes are named to be announced anew, and STOPs are sent again
// with the next scan.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "libs/collector/event_source.h"
#include "libs/event/event.h"
#include "libs/event/process_key.h"

namespace daemoneye::process {

class ScanOutput {
 public:
  // The list to append to.
  event::EventList& events() { return events_; }

  // Sends when a batch is full.
  absl::Status FlushIfFull(collector::EventSink& sink);
  // Sends all. An error that is not ResourceExhausted: the sink takes no more.
  absl::Status Flush(collector::EventSink& sink);

  // Identities of processes whose events were shed since the last call: living, and ended.
  std::vector<event::ProcessKey> TakeShed() { return std::exchange(shed_, {}); }
  std::vector<event::ProcessKey> TakeShedStops() { return std::exchange(shed_stops_, {}); }

  bool has_shed() const { return !shed_.empty() || !shed_stops_.empty(); }

  // Events sent.
  uint64_t sent() const { return sent_; }

 private:
  struct Subject {
    event::ProcessKey key;
    bool is_stop;
  };

  event::EventList events_;
  std::vector<Subject> subjects_;
  std::vector<event::ProcessKey> shed_;
  std::vector<event::ProcessKey> shed_stops_;
  uint64_t sent_ = 0;
};

}  // namespace daemoneye::process
