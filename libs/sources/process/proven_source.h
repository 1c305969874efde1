// ProvenSource: a live source that has to prove that it sees.
//
// Started only when a canary has come back; once SightProof finds it blind it says so in its health
// and has itself stopped and started again. All else is the source's own.
//
// Lifecycle:  as EventSource.
// Threads:    as EventSource; owns those of SightProof.
// Ownership:  owns the source; what the inputs borrow outlives it.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/event_source.h"
#include "libs/sources/process/sight_proof.h"

namespace daemoneye::process {

class ProvenSource final : public collector::EventSource {
 public:
  // `inputs` are of `source`.
  ProvenSource(std::unique_ptr<collector::EventSource> source, SightInputs inputs,
               base::Clock& clock, const SightProofOptions& options = {});

  const collector::SourceDescriptor& descriptor() const override { return source_->descriptor(); }
  // Unavailable also: no canary came back.
  absl::Status Start(collector::EventSink& sink) override;
  void Stop() override;
  collector::SourceHealth HealthCheck() const override;
  absl::Status Refresh(base::Monotonic deadline) override { return source_->Refresh(deadline); }

  // Any thread.
  SightStatistics statistics() { return proof_.statistics(); }

 private:
  void Distrust(absl::Status why, collector::EventSink& sink);

  const std::unique_ptr<collector::EventSource> source_;
  SightProof proof_;
  mutable base::Mutex mu_;
  absl::Status sight_ GUARDED_BY(mu_);  // since it was started
};

}  // namespace daemoneye::process
