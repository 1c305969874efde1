#include "services/collector_gateway/blocking_stages.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "libs/base/mutex.h"
#include "libs/base/thread_priority.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using base::operator+;

class Ended final : public analysis::StageCall {
 public:
  void Cancel() override {}
};

}  // namespace

std::unique_ptr<analysis::StageCall> EndedCall() { return std::make_unique<Ended>(); }

// What threads and calls share: a call may outlive the threads.
class BlockingStages::Core {
 public:
  struct Job {
    Work work;
    analysis::StageRunner::Done done;
    base::Monotonic deadline;
    std::stop_source stop;
  };

  Core(const Options& options, base::Clock& clock)
      : capacity_(options.threads + options.queue), clock_(clock) {}

  // False: no room.
  bool Push(const std::shared_ptr<Job>& job, Bound bound);
  void Cancel(const std::shared_ptr<Job>& job);
  // Runs jobs until Stop.
  void RunJobs();
  void Stop();
  void SetOnRoom(std::function<void()> on_room);
  Statistics statistics() const;
  base::Clock& clock() const { return clock_; }

 private:
  std::shared_ptr<Job> Take();
  void RunJob(Job& job) const;
  void Finish(const std::shared_ptr<Job>& job);
  void TellRoom();

  const size_t capacity_;
  base::Clock& clock_;

  mutable base::Mutex mu_;
  base::CondVar changed_;
  std::deque<std::shared_ptr<Job>> waiting_ GUARDED_BY(mu_);
  std::vector<std::shared_ptr<Job>> running_ GUARDED_BY(mu_);
  uint64_t refused_ GUARDED_BY(mu_) = 0;
  bool is_room_wanted_ GUARDED_BY(mu_) = false;
  bool is_stopped_ GUARDED_BY(mu_) = false;

  base::Mutex room_mu_;  // held while it is called
  std::function<void()> on_room_ GUARDED_BY(room_mu_);
};

bool BlockingStages::Core::Push(const std::shared_ptr<Job>& job, Bound bound) {
  {
    const MutexLock lock(mu_);
    if (!is_stopped_ && bound == Bound::kPool && waiting_.size() + running_.size() >= capacity_) {
      ++refused_;
      is_room_wanted_ = true;
      return false;
    }
    if (!is_stopped_) {
      waiting_.push_back(job);
      changed_.NotifyOne();
      return true;
    }
  }
  job->done({.result = absl::UnavailableError("the gateway is shutting down"), .alert_ids = {}});
  return true;
}

void BlockingStages::Core::Cancel(const std::shared_ptr<Job>& job) {
  {
    const MutexLock lock(mu_);
    const auto found = std::ranges::find(waiting_, job);
    if (found == waiting_.end()) {
      job->stop.request_stop();
      return;
    }
    waiting_.erase(found);
  }
  job->done({.result = absl::CancelledError("nobody waits for it any more"), .alert_ids = {}});
  TellRoom();
}

std::shared_ptr<BlockingStages::Core::Job> BlockingStages::Core::Take() {
  const MutexLock lock(mu_);
  while (waiting_.empty() && !is_stopped_) changed_.Wait(mu_);
  if (waiting_.empty()) return nullptr;
  std::shared_ptr<Job> job = std::move(waiting_.front());
  waiting_.pop_front();
  running_.push_back(job);
  return job;
}

void BlockingStages::Core::RunJob(Job& job) const {
  const absl::Duration left = base::Elapsed(clock_.MonotonicNow(), job.deadline);
  if (left <= absl::ZeroDuration()) {
    job.done(
        {.result = absl::DeadlineExceededError("no thread was free in time"), .alert_ids = {}});
    return;
  }
  job.done(job.work(left, job.stop.get_token()));
}

void BlockingStages::Core::Finish(const std::shared_ptr<Job>& job) {
  {
    const MutexLock lock(mu_);
    std::erase(running_, job);
  }
  TellRoom();
}

void BlockingStages::Core::TellRoom() {
  {
    const MutexLock lock(mu_);
    if (!std::exchange(is_room_wanted_, false)) return;
  }
  const MutexLock lock(room_mu_);
  if (on_room_) on_room_();
}

void BlockingStages::Core::RunJobs() {
  base::LowerThreadPriority();
  while (const std::shared_ptr<Job> job = Take()) {
    RunJob(*job);
    Finish(job);
  }
}

void BlockingStages::Core::Stop() {
  std::deque<std::shared_ptr<Job>> waiting;
  {
    const MutexLock lock(mu_);
    is_stopped_ = true;
    waiting.swap(waiting_);
    for (const std::shared_ptr<Job>& job : running_) job->stop.request_stop();
    changed_.NotifyAll();
  }
  for (const std::shared_ptr<Job>& job : waiting) {
    job->done({.result = absl::UnavailableError("the gateway is shutting down"), .alert_ids = {}});
  }
}

void BlockingStages::Core::SetOnRoom(std::function<void()> on_room) {
  const MutexLock lock(room_mu_);
  on_room_ = std::move(on_room);
}

BlockingStages::Statistics BlockingStages::Core::statistics() const {
  const MutexLock lock(mu_);
  return {.running = running_.size(), .waiting = waiting_.size(), .refused = refused_};
}

class BlockingStages::Call final : public analysis::StageCall {
 public:
  Call(std::shared_ptr<Core> core, std::shared_ptr<Core::Job> job)
      : core_(std::move(core)), job_(std::move(job)) {}
  void Cancel() override { core_->Cancel(job_); }

 private:
  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Core::Job> job_;
};

BlockingStages::BlockingStages(const Options& options, base::Clock& clock)
    : core_(std::make_shared<Core>(options, clock)) {
  for (size_t i = 0; i < options.threads; ++i) {
    threads_.emplace_back(fmt::format("{}-{}", options.name, i),
                          [core = core_](const std::stop_token& /*stop*/) { core->RunJobs(); });
  }
}

std::unique_ptr<analysis::StageCall> BlockingStages::Add(absl::Duration timeout, Work work,
                                                         analysis::StageRunner::Done done,
                                                         Bound bound) {
  auto job = std::make_shared<Core::Job>();
  job->work = std::move(work);
  job->done = std::move(done);
  job->deadline = core_->clock().MonotonicNow() + std::min(timeout, absl::Hours(24));
  if (!core_->Push(job, bound)) return nullptr;
  return std::make_unique<Call>(core_, std::move(job));
}

analysis::Begun BlockingStages::Begin(absl::Duration timeout, Work work,
                                      analysis::StageRunner::Done done) {
  return {.call = Add(timeout, std::move(work), std::move(done), Bound::kPool)};
}

std::unique_ptr<analysis::StageCall> BlockingStages::BeginBounded(
    absl::Duration timeout, Work work, analysis::StageRunner::Done done) {
  return Add(timeout, std::move(work), std::move(done), Bound::kCaller);
}

analysis::Begun BlockingStages::Begin(const analysis::StageWork& work, StageWork run,
                                      analysis::StageRunner::Done done) {
  return Begin(
      work.timeout,
      [work, run = std::move(run)](absl::Duration left, std::stop_token stop) {
        analysis::StageWork now = work;
        now.timeout = left;
        return run(now, std::move(stop));
      },
      std::move(done));
}

void BlockingStages::SetOnRoom(std::function<void()> on_room) {
  core_->SetOnRoom(std::move(on_room));
}

void BlockingStages::Stop() {
  core_->Stop();
  for (base::Thread& thread : threads_) thread.StopAndJoin();
}

BlockingStages::Statistics BlockingStages::statistics() const { return core_->statistics(); }

}  // namespace daemoneye::gateway
