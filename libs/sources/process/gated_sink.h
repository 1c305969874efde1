// GatedSink: a RecordingSink that has no room while its gate is closed. For tests of sources whose
// queue is the kernel's.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/event_source.h"
#include "libs/sources/process/recording_sink.h"

namespace daemoneye::process {

class GatedSink final : public collector::EventSink {
 public:
  explicit GatedSink(base::Clock& clock) : clock_(clock) {}

  void SetOpen(bool is_open) {
    base::MutexLock lock(mu_);
    is_open_ = is_open;
    opened_cv_.NotifyAll();
  }

  absl::Status Emit(event::EventList events) override { return sink_.Emit(std::move(events)); }
  bool AwaitRoom(base::Monotonic deadline) override {
    base::MutexLock lock(mu_);
    while (!is_open_ && clock_.MonotonicNow() < deadline) {
      clock_.WaitUntil(opened_cv_, mu_, deadline);
    }
    return is_open_;
  }
  void ReportLoss(std::string_view stage, std::string_view reason,
                  std::optional<uint64_t> count) override {
    sink_.ReportLoss(stage, reason, count);
  }
  void CountFiltered(uint64_t count) override { sink_.CountFiltered(count); }

  std::vector<v1::CollectionEvent> Take() { return sink_.Take(); }
  std::vector<std::string> losses() const { return sink_.losses(); }

 private:
  base::Clock& clock_;
  RecordingSink sink_;
  base::Mutex mu_;
  base::CondVar opened_cv_;
  bool is_open_ GUARDED_BY(mu_) = true;
};

}  // namespace daemoneye::process
