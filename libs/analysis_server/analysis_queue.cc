#include "libs/analysis_server/analysis_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stop_token>
#include <utility>

namespace daemoneye::analysis_server {
namespace {

using base::MutexLock;
using base::operator+;

constexpr absl::Duration kRetryAfter = absl::Seconds(1);

int Urgency(const v1::AnalyzeRequest& request) {
  return request.priority() == v1::TRIGGER_PRIORITY_UNSPECIFIED ? v1::TRIGGER_PRIORITY_NORMAL
                                                                : request.priority();
}

AnalysisAnswer Refused(const std::string& message) {
  return {.result = absl::ResourceExhaustedError(message), .retry_after = kRetryAfter};
}

AnalysisAnswer ShuttingDown() {
  return {.result = absl::UnavailableError("the server is shutting down")};
}

}  // namespace

class AnalysisQueue::Job {
 public:
  Job(v1::AnalyzeRequest request, base::Monotonic deadline, Done done)
      : request_(std::move(request)), deadline_(deadline), done_(std::move(done)) {}

  const v1::AnalyzeRequest& request() const { return request_; }
  base::Monotonic deadline() const { return deadline_; }
  Place place() const { return {-Urgency(request_), number}; }
  std::stop_source& stop() { return stop_; }
  Done TakeDone() { return std::exchange(done_, nullptr); }

  // The queue's, under its mutex.
  uint64_t number = 0;
  bool is_answered = false;

 private:
  const v1::AnalyzeRequest request_;
  const base::Monotonic deadline_;
  Done done_;
  std::stop_source stop_;
};

// Wakes the queue at the next deadline.
class AnalysisQueue::Timer final : public monitor::StreamLoop::Member {
 public:
  explicit Timer(AnalysisQueue& queue) : queue_(&queue) {}

  base::Monotonic OnWake() override {
    MutexLock lock(mu_);
    return queue_ == nullptr ? monitor::StreamLoop::kNever : queue_->Expire();
  }
  // No OnWake reaches the queue after this.
  void Detach() {
    MutexLock lock(mu_);
    queue_ = nullptr;
  }

 private:
  base::Mutex mu_;
  AnalysisQueue* queue_ GUARDED_BY(mu_);
};

AnalysisQueue::AnalysisQueue(Analysis& analysis, const AnalysisLimits& limits,
                             monitor::StreamLoop& loop, base::Clock& clock)
    : analysis_(analysis),
      limits_(limits),
      loop_(loop),
      clock_(clock),
      timer_(std::make_shared<Timer>(*this)),
      timer_id_(loop_.Add(timer_)) {
  for (uint32_t i = 0; i < limits_.max_concurrent; ++i) {
    workers_.emplace_back(fmt::format("analyze-{}", i), [this](const std::stop_token&) { Work(); });
  }
}

AnalysisQueue::~AnalysisQueue() { static_cast<void>(Stop(absl::InfiniteDuration())); }

std::shared_ptr<AnalysisQueue::Job> AnalysisQueue::Submit(v1::AnalyzeRequest request,
                                                          base::Monotonic deadline, Done done) {
  const base::Monotonic latest = clock_.MonotonicNow() + limits_.max_duration;
  const auto job =
      std::make_shared<Job>(std::move(request), std::min(deadline, latest), std::move(done));
  std::optional<AnalysisAnswer> refusal;
  std::shared_ptr<Job> shed;
  {
    MutexLock lock(mu_);
    job->number = ++next_number_;
    refusal = AdmitLocked(*job, &shed);
    if (refusal.has_value()) {
      job->is_answered = true;
    } else {
      open_.emplace(std::pair(job->deadline(), job->number), job);
      queued_.emplace(job->place(), job);
      changed_.NotifyAll();
    }
  }
  if (refusal.has_value()) {
    job->TakeDone()(*std::move(refusal));
    return job;
  }
  if (shed != nullptr) Answer(shed, Refused("a more urgent request took this one's place"));
  loop_.WakeAt(timer_id_, job->deadline());
  return job;
}

std::optional<AnalysisAnswer> AnalysisQueue::AdmitLocked(const Job& job,
                                                         std::shared_ptr<Job>* shed) {
  if (is_stopped_) return ShuttingDown();
  const base::Monotonic now = clock_.MonotonicNow();
  const uint32_t max_rate = limits_.max_rate_per_minute;
  if (max_rate != 0 && rate_.Count(now) >= max_rate) {
    ++statistics_.refused_rate;
    return Refused(fmt::format("more than {} requests in 60 s", max_rate));
  }
  // A worker that is free takes one at once, so that one need not fit.
  const size_t free_workers =
      limits_.max_concurrent - std::min<size_t>(limits_.max_concurrent, statistics_.running);
  if (queued_.size() >= limits_.max_queue + free_workers) {
    const auto last = queued_.empty() ? queued_.end() : std::prev(queued_.end());
    if (last == queued_.end() || last->first.first <= job.place().first) {
      ++statistics_.refused_queue;
      return Refused(fmt::format("{} requests wait already", limits_.max_queue));
    }
    ++statistics_.shed;
    *shed = last->second;
    queued_.erase(last);
  }
  rate_.Add(now);
  return std::nullopt;
}

void AnalysisQueue::ForgetLocked(const Job& job) {
  queued_.erase(job.place());
  open_.erase(std::pair(job.deadline(), job.number));
}

void AnalysisQueue::Answer(const std::shared_ptr<Job>& job, AnalysisAnswer answer) {
  Done done;
  {
    MutexLock lock(mu_);
    if (std::exchange(job->is_answered, true)) return;
    ForgetLocked(*job);
    done = job->TakeDone();
  }
  job->stop().request_stop();
  done(std::move(answer));
}

void AnalysisQueue::Cancel(const std::shared_ptr<Job>& job) {
  Answer(job, {.result = absl::CancelledError("cancelled")});
}

void AnalysisQueue::Work() {
  while (true) {
    std::shared_ptr<Job> job;
    {
      MutexLock lock(mu_);
      while (queued_.empty() && !is_stopped_) changed_.Wait(mu_);
      if (is_stopped_) return;
      job = queued_.begin()->second;
      queued_.erase(queued_.begin());
      ++statistics_.running;
    }
    const std::stop_token stop = job->stop().get_token();
    absl::StatusOr<v1::AnalysisResult> result =
        analysis_.Analyze({.request = job->request(), .deadline = job->deadline(), .stop = stop});
    {
      MutexLock lock(mu_);
      --statistics_.running;
      changed_.NotifyAll();
    }
    Answer(job, {.result = std::move(result)});
  }
}

base::Monotonic AnalysisQueue::Expire() {
  const base::Monotonic now = clock_.MonotonicNow();
  std::vector<std::shared_ptr<Job>> due;
  base::Monotonic next = monitor::StreamLoop::kNever;
  {
    MutexLock lock(mu_);
    for (const auto& [key, job] : open_) {
      if (key.first > now) {
        next = key.first;
        break;
      }
      due.push_back(job);
    }
  }
  for (const auto& job : due) {
    Answer(job, {.result = absl::DeadlineExceededError("the analysis took too long")});
  }
  return next;
}

absl::Status AnalysisQueue::Stop(absl::Duration patience) {
  std::vector<std::shared_ptr<Job>> open;
  {
    MutexLock lock(mu_);
    is_stopped_ = true;
    for (const auto& [key, job] : open_) open.push_back(job);
    changed_.NotifyAll();
  }
  for (const auto& job : open) Answer(job, ShuttingDown());
  timer_->Detach();
  loop_.Remove(timer_id_);
  {
    const base::Monotonic end = patience == absl::InfiniteDuration()
                                    ? base::Monotonic::max()
                                    : clock_.MonotonicNow() + patience;
    MutexLock lock(mu_);
    while (statistics_.running > 0) {
      if (end == base::Monotonic::max()) {
        changed_.Wait(mu_);
      } else if (clock_.MonotonicNow() >= end) {
        return absl::DeadlineExceededError(fmt::format(
            "{} analyses hang: a file system that does not answer?", statistics_.running));
      } else {
        clock_.WaitUntil(changed_, mu_, end);
      }
    }
  }
  workers_.clear();
  return absl::OkStatus();
}

AnalysisStatistics AnalysisQueue::statistics() const {
  MutexLock lock(mu_);
  AnalysisStatistics statistics = statistics_;
  statistics.queued = queued_.size();
  return statistics;
}

}  // namespace daemoneye::analysis_server
