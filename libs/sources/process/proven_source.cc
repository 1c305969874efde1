#include "libs/sources/process/proven_source.h"

#include <optional>
#include <utility>

#include "libs/base/status_macros.h"

namespace daemoneye::process {

ProvenSource::ProvenSource(std::unique_ptr<collector::EventSource> source, SightInputs inputs,
                           base::Clock& clock, const SightProofOptions& options)
    : source_(std::move(source)), proof_(options, std::move(inputs), clock) {}

absl::Status ProvenSource::Start(collector::EventSink& sink) {
  {
    base::MutexLock lock(mu_);
    sight_ = absl::OkStatus();
  }
  RETURN_IF_ERROR(source_->Start(sink));
  if (absl::Status sight = proof_.Prove(); !sight.ok()) {
    source_->Stop();
    return sight;
  }
  proof_.Start(
      {.distrust = [this, &sink](absl::Status why) { Distrust(std::move(why), sink); },
       // Tasks, so not a number of events.
       .unseen = [&sink](uint64_t) { sink.ReportLoss("kernel", "unseen", std::nullopt); }});
  return absl::OkStatus();
}

void ProvenSource::Stop() {
  proof_.Stop();
  source_->Stop();
}

void ProvenSource::Distrust(absl::Status why, collector::EventSink& sink) {
  {
    base::MutexLock lock(mu_);
    sight_ = why;
  }
  sink.ReportFailure(std::move(why));
}

collector::SourceHealth ProvenSource::HealthCheck() const {
  collector::SourceHealth health = source_->HealthCheck();
  base::MutexLock lock(mu_);
  if (!sight_.ok()) health.status = sight_;
  return health;
}

}  // namespace daemoneye::process
