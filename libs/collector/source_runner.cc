#include "libs/collector/source_runner.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::collector {
namespace {

using base::operator+;

// How long a runner with nothing to wait for sleeps.
constexpr absl::Duration kIdle = absl::Hours(1);

bool IsFatal(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnimplemented(status);
}

}  // namespace

absl::Duration RestartDelay(uint32_t failures) {
  return std::min(absl::Seconds(1) * failures, kMaxRestartDelay);
}

SourceRunner::SourceRunner(Shared shared, size_t number, const CollectorConfig& config,
                           base::Clock& clock)
    : shared_(std::move(shared)),
      number_(number),
      name_(shared_.handle->source->descriptor().name),
      config_(config),
      clock_(clock),
      lifecycle_thread_("src-" + name_),
      probe_thread_("ask-" + name_) {}

void SourceRunner::Start() { BeginStart(); }

base::Monotonic SourceRunner::Step(base::Monotonic now) {
  if (has_ended()) return NextStep(now);
  if (lifecycle_call_.has_value()) StepLifecycle(now);
  if (phase_ == Phase::kRunning) {
    if (std::optional<absl::Status> failure = shared_.handle->sink.TakeFailure()) {
      OnFailure(*std::move(failure));
    } else {
      StepHealth(now);
    }
  }
  if (phase_ == Phase::kBackoff && now >= retry_at_) BeginStart();
  return NextStep(now);
}

base::Monotonic SourceRunner::NextStep(base::Monotonic now) const {
  base::Monotonic next = now + kIdle;
  if (has_ended()) return next;
  if (lifecycle_call_.has_value() && !lifecycle_call_->is_overdue) {
    next = std::min(next, lifecycle_call_->deadline);
  }
  if (phase_ == Phase::kBackoff) next = std::min(next, retry_at_);
  if (phase_ == Phase::kRunning) {
    if (!health_call_.has_value()) {
      next = std::min(next, health_due_);
    } else if (!health_call_->is_overdue) {
      next = std::min(next, health_call_->deadline);
    }
  }
  return next;
}

void SourceRunner::Stop(base::Monotonic deadline) {
  is_stopping_ = true;
  stop_deadline_ = deadline;
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kBackoff:
      End(SourceState::kStopped, "");
      break;
    case Phase::kRunning:
      BeginStop(After::kStop, base::Elapsed(clock_.MonotonicNow(), deadline));
      break;
    case Phase::kStarting:
    case Phase::kStopping:
      if (!lifecycle_call_->is_overdue) {
        lifecycle_call_->deadline = std::min(lifecycle_call_->deadline, deadline);
      }
      break;
    case Phase::kEnded:
      break;
  }
}

bool SourceRunner::Retire(base::Monotonic deadline, std::string* in_call) {
  shared_.handle->sink.SetRun(0);
  shared_.handle->sink.Shut();
  const auto until = [&](const std::optional<PendingCall>& call) {
    return call.has_value() && call->is_overdue ? base::Monotonic::min() : deadline;
  };
  if (!lifecycle_thread_.Retire(until(lifecycle_call_), clock_)) {
    *in_call = lifecycle_call_.has_value() ? lifecycle_call_->what : "Stop";
  }
  if (!probe_thread_.Retire(until(health_call_), clock_) && in_call->empty()) {
    *in_call = health_call_.has_value() ? health_call_->what : "Refresh";
  }
  return in_call->empty();
}

bool SourceRunner::Probe(std::function<void(SourceHandle&)> call) {
  if (!shared_.tracker->is_running(number_)) return false;
  return probe_thread_.Post([handle = shared_.handle, call = std::move(call)] { call(*handle); });
}

bool SourceRunner::CheckHealth(std::function<void(const SourceHealth&)> done) {
  return Probe([tracker = shared_.tracker, number = number_, &clock = clock_,
                done = std::move(done)](SourceHandle& handle) {
    const uint64_t run = handle.sink.run();
    SourceHealth health;
    if (run != 0) health = handle.source->HealthCheck();
    if (run == 0 || handle.sink.run() != run) {  // and the clock may be gone
      done(SourceHealth());
      return;
    }
    tracker->SetHealth(number, health, clock.Now());
    if (!health.status.ok()) handle.sink.ReportFailureOf(run, health.status);
    done(health);
  });
}

void SourceRunner::PostLifecycle(std::string what, absl::Duration timeout,
                                 std::function<absl::Status(SourceHandle&)> call) {
  const auto answer = std::make_shared<Answer>();
  lifecycle_call_ = PendingCall{.what = std::move(what),
                                .answer = answer,
                                .deadline = clock_.MonotonicNow() + timeout,
                                .timeout = timeout};
  lifecycle_thread_.Post(
      [handle = shared_.handle, wake = shared_.wake, answer, call = std::move(call)] {
        absl::Status status = call(*handle);
        {
          base::MutexLock lock(answer->mu);
          answer->status = std::move(status);
        }
        wake->Signal();
      });
}

void SourceRunner::BeginStart() {
  phase_ = Phase::kStarting;
  ++starts_;
  shared_.handle->sink.Open();
  Report(failures_ == 0 ? SourceState::kStarting : report_.state, false, report_.detail);
  PostLifecycle("Start", config_.startup_timeout,
                [](SourceHandle& handle) { return handle.source->Start(handle.sink); });
}

void SourceRunner::BeginStop(After after, absl::Duration timeout) {
  phase_ = Phase::kStopping;
  after_stop_ = after;
  health_call_.reset();
  shared_.handle->sink.SetRun(0);
  Report(SourceState::kStopping, false,
         after == After::kStop ? "" : std::string(last_error_.message()));
  PostLifecycle("Stop", timeout, [](SourceHandle& handle) {
    handle.source->Stop();
    return absl::OkStatus();
  });
}

void SourceRunner::StepLifecycle(base::Monotonic now) {
  if (StepCall(*lifecycle_call_, now)) {
    absl::Status status;
    {
      base::MutexLock lock(lifecycle_call_->answer->mu);
      status = *std::move(lifecycle_call_->answer->status);
    }
    lifecycle_call_.reset();
    phase_ == Phase::kStarting ? OnStarted(status) : OnStopped();
    return;
  }
  if (!lifecycle_call_->is_overdue) return;
  if (phase_ == Phase::kStarting) has_settled_ = true;
  if (is_stopping_) {
    End(SourceState::kFailed, fmt::format("left behind in {}", lifecycle_call_->what));
  }
}

void SourceRunner::OnStarted(const absl::Status& status) {
  has_settled_ = true;
  if (status.ok()) {
    phase_ = Phase::kRunning;
    shared_.handle->sink.SetRun(starts_);
    health_due_ = clock_.MonotonicNow() + config_.health_check_interval;
    if (is_stopping_) {
      BeginStop(After::kStop, base::Elapsed(clock_.MonotonicNow(), stop_deadline_));
      return;
    }
    Report(SourceState::kRunning, true, "");
    return;
  }
  shared_.handle->sink.Shut();
  last_error_ = status;
  ++failures_;
  if (is_stopping_) {
    End(SourceState::kStopped, "");
  } else if (IsFatal(status)) {
    End(SourceState::kFailed, std::string(status.message()));
  } else {
    ScheduleRestart();
  }
}

void SourceRunner::OnFailure(absl::Status status) {
  last_error_ = std::move(status);
  ++failures_;
  BeginStop(IsFatal(last_error_) ? After::kFail : After::kRestart, config_.shutdown_timeout);
}

void SourceRunner::OnStopped() {
  shared_.handle->sink.Shut();
  if (is_stopping_ || after_stop_ == After::kStop) {
    End(SourceState::kStopped, "");
  } else if (after_stop_ == After::kFail) {
    End(SourceState::kFailed, std::string(last_error_.message()));
  } else {
    ScheduleRestart();
  }
}

void SourceRunner::ScheduleRestart() {
  const absl::Duration delay = RestartDelay(failures_);
  phase_ = Phase::kBackoff;
  retry_at_ = clock_.MonotonicNow() + delay;
  Report(failures_ >= kFailuresToDegraded ? SourceState::kDegraded : SourceState::kStarting, false,
         fmt::format("{} failure{} in a row, next attempt in {}: {}", failures_,
                     failures_ == 1 ? "" : "s", absl::FormatDuration(delay),
                     std::string(last_error_.message())));
}

void SourceRunner::End(SourceState state, std::string detail) {
  phase_ = Phase::kEnded;
  Report(state, false, std::move(detail));
}

bool SourceRunner::StepCall(PendingCall& call, base::Monotonic now) {
  {
    base::MutexLock lock(call.answer->mu);
    if (call.answer->status.has_value()) return true;
  }
  if (!call.is_overdue && now >= call.deadline) {
    call.is_overdue = true;
    Report(
        SourceState::kDegraded, phase_ == Phase::kRunning,
        fmt::format("{} has not returned for {}", call.what, absl::FormatDuration(call.timeout)));
  }
  return false;
}

void SourceRunner::StepHealth(base::Monotonic now) {
  if (health_call_.has_value()) {
    if (!StepCall(*health_call_, now)) return;
    const std::shared_ptr<Answer> answer = health_call_->answer;
    health_call_.reset();
    health_due_ = now + config_.health_check_interval;
    std::string limits;
    {
      base::MutexLock lock(answer->mu);
      if (!answer->status->ok()) return;  // the sink has the failure
      limits = answer->limits;
    }
    failures_ = 0;
    Report(SourceState::kRunning, true, std::move(limits));
    return;
  }
  if (now < health_due_) return;
  const auto answer = std::make_shared<Answer>();
  const bool is_posted = CheckHealth([answer, wake = shared_.wake](const SourceHealth& health) {
    {
      base::MutexLock lock(answer->mu);
      answer->status = health.status;
      answer->limits = health.limits;
    }
    wake->Signal();
  });
  if (!is_posted) {
    health_due_ = now + kHealthCheckTimeout;
    Report(SourceState::kDegraded, true, "too many calls wait for the source");
    return;
  }
  health_call_ = PendingCall{.what = "HealthCheck",
                             .answer = answer,
                             .deadline = now + kHealthCheckTimeout,
                             .timeout = kHealthCheckTimeout};
}

void SourceRunner::Report(SourceState state, bool is_running, std::string detail) {
  report_ = {.state = state,
             .is_running = is_running,
             .detail = std::move(detail),
             .restarts = starts_ > 0 ? starts_ - 1 : 0,
             .failures = failures_};
  shared_.tracker->Set(number_, report_);
}

}  // namespace daemoneye::collector
