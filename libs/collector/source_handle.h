// SourceHandle: an event source, the sink it emits into, and what the threads that call it share.
//
// Held by the runner and by every call under way, so that a source which hangs keeps all it uses,
// also after the collector is gone; its sink then refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/event_source.h"
#include "libs/collector/intake.h"

namespace daemoneye::collector {

// Wakes one waiting thread; a signal that comes before the wait is not lost.
class Wake {
 public:
  void Signal();
  // Waits for a signal until `deadline`, and takes it.
  void Await(base::Monotonic deadline, base::Clock& clock);

 private:
  base::Mutex mu_;
  base::CondVar cv_;
  bool is_signalled_ GUARDED_BY(mu_) = false;
};

// The sink of one source. Any thread.
class SourceSink final : public EventSink {
 public:
  // `is_polling`: see SourceDescriptor; what another emits is published on its own thread.
  SourceSink(std::shared_ptr<Intake> intake, std::shared_ptr<Wake> wake, std::string name,
             bool is_polling);

  absl::Status Emit(event::EventList events) override;
  bool AwaitRoom(base::Monotonic deadline) override;
  void ReportLoss(std::string_view stage, std::string_view reason,
                  std::optional<uint64_t> count) override;
  void CountFiltered(uint64_t count) override;
  void ReportFailure(absl::Status status) override;

  // Opens it for a new run and forgets the failure of the last.
  void Open();
  void Shut();

  // The run that is on, counted from 1; 0 while the source does not run.
  uint64_t run() const;
  void SetRun(uint64_t run);
  // As ReportFailure, but only if `run` is still on.
  void ReportFailureOf(uint64_t run, absl::Status status);
  // The first failure reported since Open; then none.
  std::optional<absl::Status> TakeFailure();

  size_t number() const { return number_; }

 private:
  const std::shared_ptr<Intake> intake_;
  const std::shared_ptr<Wake> wake_;
  const std::string name_;
  const size_t number_;  // in the intake
  const Intake::Publish publish_;
  mutable base::Mutex mu_;
  uint64_t run_ GUARDED_BY(mu_) = 0;
  std::optional<absl::Status> failure_ GUARDED_BY(mu_);
};

struct SourceHandle {
  SourceHandle(std::unique_ptr<EventSource> event_source, std::shared_ptr<Intake> intake,
               std::shared_ptr<Wake> wake)
      : sink(std::move(intake), std::move(wake), std::string(event_source->descriptor().name),
             event_source->descriptor().is_polling),
        source(std::move(event_source)) {}

  SourceSink sink;  // outlives the source
  const std::unique_ptr<EventSource> source;
};

}  // namespace daemoneye::collector
