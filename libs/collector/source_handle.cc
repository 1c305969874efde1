#include "libs/collector/source_handle.h"

#include <utility>

namespace daemoneye::collector {

void Wake::Signal() {
  base::MutexLock lock(mu_);
  is_signalled_ = true;
  cv_.NotifyAll();
}

void Wake::Await(base::Monotonic deadline, base::Clock& clock) {
  base::MutexLock lock(mu_);
  while (!is_signalled_ && clock.MonotonicNow() < deadline) clock.WaitUntil(cv_, mu_, deadline);
  is_signalled_ = false;
}

SourceSink::SourceSink(std::shared_ptr<Intake> intake, std::shared_ptr<Wake> wake, std::string name,
                       bool is_polling)
    : intake_(std::move(intake)),
      wake_(std::move(wake)),
      name_(std::move(name)),
      number_(intake_->AddSource(name_)),
      publish_(is_polling ? Intake::Publish::kByPump : Intake::Publish::kByCaller) {}

absl::Status SourceSink::Emit(event::EventList events) {
  if (events.empty()) return absl::OkStatus();
  for (event::Event& event : events) {
    if (event.source().empty()) event.set_source(name_);
  }
  absl::Status status = intake_->Emit(number_, std::move(events), publish_);
  if (publish_ == Intake::Publish::kByCaller) intake_->PublishReady();
  return status;
}

bool SourceSink::AwaitRoom(base::Monotonic deadline) {
  return intake_->AwaitRoom(number_, deadline);
}

void SourceSink::ReportLoss(std::string_view stage, std::string_view reason,
                            std::optional<uint64_t> count) {
  intake_->ReportLoss(number_, stage, reason, count);
}

void SourceSink::CountFiltered(uint64_t count) { intake_->CountFiltered(number_, count); }

void SourceSink::ReportFailure(absl::Status status) {
  if (status.ok()) status = absl::UnknownError("the source gave no reason");
  {
    base::MutexLock lock(mu_);
    if (!failure_.has_value()) failure_ = std::move(status);
  }
  wake_->Signal();
}

void SourceSink::Open() {
  {
    base::MutexLock lock(mu_);
    failure_.reset();
  }
  intake_->Open(number_);
}

void SourceSink::Shut() { intake_->Shut(number_); }

uint64_t SourceSink::run() const {
  base::MutexLock lock(mu_);
  return run_;
}

void SourceSink::SetRun(uint64_t run) {
  base::MutexLock lock(mu_);
  run_ = run;
}

void SourceSink::ReportFailureOf(uint64_t run, absl::Status status) {
  {
    base::MutexLock lock(mu_);
    if (run_ != run) return;
    if (!failure_.has_value()) failure_ = std::move(status);
  }
  wake_->Signal();
}

std::optional<absl::Status> SourceSink::TakeFailure() {
  base::MutexLock lock(mu_);
  return std::exchange(failure_, std::nullopt);
}

}  // namespace daemoneye::collector
