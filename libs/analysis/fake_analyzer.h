// FakeAnalyzer: an Analyzer whose requests end when a test says so.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/analysis/analyzer.h"
#include "libs/base/mutex.h"

namespace daemoneye::analysis {

class FakeAnalyzer final : public Analyzer {
 public:
  explicit FakeAnalyzer(v1::NegotiateAnalysisResponse capabilities)
      : capabilities_(std::move(capabilities)) {}

  v1::NegotiateAnalysisResponse capabilities() const override { return capabilities_; }
  std::string problem() const override {
    base::MutexLock lock(mu_);
    return problem_;
  }
  std::unique_ptr<StageCall> Begin(const v1::AnalyzeRequest& request, absl::Duration timeout,
                                   Done done) override {
    base::MutexLock lock(mu_);
    requests_.push_back({request, timeout, std::move(done)});
    return std::make_unique<Call>();
  }

  void SetProblem(std::string problem) {
    base::MutexLock lock(mu_);
    problem_ = std::move(problem);
  }
  size_t requests() const {
    base::MutexLock lock(mu_);
    return requests_.size();
  }
  absl::Duration timeout(size_t i) const {
    base::MutexLock lock(mu_);
    return requests_[i].timeout;
  }
  // Answers request number `i`, from 0.
  void End(size_t i, absl::StatusOr<v1::AnalysisResult> result) {
    Done done;
    {
      base::MutexLock lock(mu_);
      done = requests_[i].done;
    }
    done(std::move(result));
  }

 private:
  struct Request {
    v1::AnalyzeRequest request;
    absl::Duration timeout;
    Done done;
  };
  class Call final : public StageCall {
   public:
    void Cancel() override {}
  };

  const v1::NegotiateAnalysisResponse capabilities_;
  mutable base::Mutex mu_;
  std::string problem_ GUARDED_BY(mu_);
  std::vector<Request> requests_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::analysis
