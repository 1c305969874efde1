// RecordingSink: an EventSink that keeps what it is given, or sheds it.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/collector/event_source.h"

namespace daemoneye::process {

class RecordingSink final : public collector::EventSink {
 public:
  absl::Status Emit(event::EventList events) override;
  bool AwaitRoom(base::Monotonic) override { return true; }
  void ReportLoss(std::string_view stage, std::string_view reason,
                  std::optional<uint64_t> count) override;
  void CountFiltered(uint64_t count) override;

  // What Emit answers from now on; what it does not take is not kept.
  void SetAnswer(absl::Status answer);

  // The process events since the last call.
  std::vector<v1::CollectionEvent> Take();
  // The same, as "START 42 name", SAMPLE left out.
  std::vector<std::string> TakeTexts();

  uint64_t filtered() const;
  // As "tracking/evicted: 3".
  std::vector<std::string> losses() const;

 private:
  mutable base::Mutex mu_;
  absl::Status answer_ GUARDED_BY(mu_);
  std::vector<v1::CollectionEvent> events_ GUARDED_BY(mu_);
  uint64_t filtered_ GUARDED_BY(mu_) = 0;
  std::vector<std::string> losses_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::process
