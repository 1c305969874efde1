// FakeAnalysis: an Analysis whose requests end when a test lets them.
#pragma once

#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "libs/analysis_server/analysis.h"
#include "libs/base/mutex.h"

namespace daemoneye::analysis_server {

class FakeAnalysis final : public Analysis {
 public:
  ~FakeAnalysis() override { ReleaseAll(); }

  absl::Status Check(const v1::AnalyzeRequest& request) const override {
    return request.context().parameters().contains("wrong")
               ? absl::InvalidArgumentError("context.parameters[\"wrong\"]: is wrong")
               : absl::OkStatus();
  }

  // Ends when it is released, or stopped unless it is stubborn.
  absl::StatusOr<v1::AnalysisResult> Analyze(const AnalysisWork& work) override {
    const std::string& id = work.request.request_id();
    const std::stop_callback wake(work.stop, [this] {
      base::MutexLock lock(mu_);
      changed_.NotifyAll();
    });
    base::MutexLock lock(mu_);
    begun_.push_back(id);
    changed_.NotifyAll();
    while (!is_open_ && !released_.contains(id) && (is_stubborn_ || !work.stop.stop_requested())) {
      changed_.Wait(mu_);
    }
    ++ended_;
    changed_.NotifyAll();
    if (work.stop.stop_requested()) return absl::CancelledError("stopped");
    v1::AnalysisResult result;
    result.set_verdict(v1::ANALYSIS_VERDICT_CLEAN);
    result.set_confidence(1);
    result.set_summary(id);
    return result;
  }

  // Waits until so many have begun; their ids in that order.
  std::vector<std::string> AwaitBegun(size_t count) {
    base::MutexLock lock(mu_);
    while (begun_.size() < count) changed_.Wait(mu_);
    return begun_;
  }
  void AwaitEnded(size_t count) {
    base::MutexLock lock(mu_);
    while (ended_ < count) changed_.Wait(mu_);
  }
  void Release(const std::string& id) {
    base::MutexLock lock(mu_);
    released_.insert(id);
    changed_.NotifyAll();
  }
  // From now on all end at once.
  void ReleaseAll() {
    base::MutexLock lock(mu_);
    is_open_ = true;
    changed_.NotifyAll();
  }
  // From now on none looks at its stop.
  void IgnoreStop() {
    base::MutexLock lock(mu_);
    is_stubborn_ = true;
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  bool is_open_ GUARDED_BY(mu_) = false;
  bool is_stubborn_ GUARDED_BY(mu_) = false;
  size_t ended_ GUARDED_BY(mu_) = 0;
  std::vector<std::string> begun_ GUARDED_BY(mu_);
  std::set<std::string> released_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::analysis_server
