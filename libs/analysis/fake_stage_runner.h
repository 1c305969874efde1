// FakeStageRunner: a StageRunner whose stages end when a test says so, or at once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/analysis/stage_runner.h"
#include "libs/base/mutex.h"

namespace daemoneye::analysis {

// A result that CheckResult takes.
inline v1::AnalysisResult FakeResult(const std::string& summary = "") {
  v1::AnalysisResult result;
  result.set_verdict(v1::ANALYSIS_VERDICT_CLEAN);
  result.set_confidence(1);
  result.set_summary(summary);
  return result;
}

class FakeStageRunner final : public StageRunner {
 public:
  struct Attempt {
    StageWork work;
    Done done;
    std::string id() const { return work.definition().id(); }
  };

  Begun Begin(const StageWork& work, Done done) override {
    StageOutcome outcome;
    {
      base::MutexLock lock(mu_);
      if (under_way_ >= room_) return {};
      attempts_.push_back({work, done});
      ++under_way_;
      changed_.NotifyAll();
      if (!answer_) return {.call = std::make_unique<Call>(*this)};
      --under_way_;
      outcome = answer_(work);
    }
    done(std::move(outcome));
    return {.call = std::make_unique<Call>(*this)};
  }

  // From now on every attempt ends at once with what `answer` says; empty: none does.
  void AnswerWith(std::function<StageOutcome(const StageWork&)> answer) {
    base::MutexLock lock(mu_);
    answer_ = std::move(answer);
  }
  // So many attempts at once.
  void SetRoom(int room) {
    base::MutexLock lock(mu_);
    room_ = room;
  }

  // Waits for attempt number `i`, from 0.
  Attempt Await(size_t i) {
    base::MutexLock lock(mu_);
    while (attempts_.size() <= i) changed_.Wait(mu_);
    return attempts_[i];
  }
  void End(size_t i, absl::StatusOr<v1::AnalysisResult> result) {
    Attempt attempt = Await(i);
    {
      base::MutexLock lock(mu_);
      --under_way_;
    }
    attempt.done({.result = std::move(result), .alert_ids = {}});
  }
  size_t attempts() const {
    base::MutexLock lock(mu_);
    return attempts_.size();
  }
  size_t cancelled() const {
    base::MutexLock lock(mu_);
    return cancelled_;
  }

 private:
  class Call final : public StageCall {
   public:
    explicit Call(FakeStageRunner& runner) : runner_(runner) {}
    void Cancel() override {
      base::MutexLock lock(runner_.mu_);
      ++runner_.cancelled_;
      --runner_.under_way_;
    }

   private:
    FakeStageRunner& runner_;
  };

  mutable base::Mutex mu_;
  base::CondVar changed_;
  std::vector<Attempt> attempts_ GUARDED_BY(mu_);
  std::function<StageOutcome(const StageWork&)> answer_ GUARDED_BY(mu_);
  int room_ GUARDED_BY(mu_) = 1'000'000;
  int under_way_ GUARDED_BY(mu_) = 0;
  size_t cancelled_ GUARDED_BY(mu_) = 0;
};

}  // namespace daemoneye::analysis
