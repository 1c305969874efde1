#include "libs/analysis/workflow_engine.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/random/random.h"
#include "fmt/format.h"
#include "libs/analysis/result_check.h"
#include "libs/analysis/retry_delay.h"
#include "libs/analysis/workflow_check.h"
#include "libs/analysis/workflow_run.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/base/thread.h"
#include "libs/event/event_builder.h"
#include "libs/event/uuid.h"

namespace daemoneye::analysis {
namespace {

using base::Monotonic;
using base::MutexLock;
using base::operator+;

constexpr absl::Duration kStoreRetry = absl::Seconds(1);
constexpr absl::Duration kIdle = absl::Hours(1);
constexpr size_t kMaxEndedKeys = 1'000;
constexpr size_t kPriorities = v1::TriggerPriority_ARRAYSIZE;

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsAborted(status);
}

v1::TriggerPriority PriorityOf(const v1::WorkflowExecution& execution) {
  return execution.priority() == v1::TRIGGER_PRIORITY_UNSPECIFIED ? v1::TRIGGER_PRIORITY_NORMAL
                                                                  : execution.priority();
}

size_t ResultBytes(const v1::WorkflowExecution& execution) {
  size_t bytes = 0;
  for (const v1::StageExecution& stage : execution.stages()) bytes += stage.result().ByteSizeLong();
  return bytes;
}

struct Outcome {
  std::string id;
  int stage;
  uint32_t attempt;
  StageOutcome outcome;
};
struct CancelRequest {
  std::string id;
  std::string reason;
};

// What comes to the engine's thread. Outlives the engine where a runner still holds it.
struct Inbox {
  base::Mutex mu;
  base::CondVar changed;
  std::vector<Outcome> outcomes GUARDED_BY(mu);
  std::vector<CancelRequest> cancels GUARDED_BY(mu);
  bool has_room GUARDED_BY(mu) = false;
  bool has_submissions GUARDED_BY(mu) = false;
  bool is_stopping GUARDED_BY(mu) = false;
};

}  // namespace

class WorkflowEngine::Impl {
 public:
  Impl(StageRunner& runner, storage::ExecutionStore* store, base::Clock& clock,
       std::function<void(const ExecutionPtr&)> on_end, const WorkflowEngineOptions& options)
      : runner_(runner),
        store_(store),
        clock_(clock),
        on_end_(std::move(on_end)),
        options_(options) {}
  ~Impl() { Stop(); }

  void Start();
  absl::Status Recover();
  void Stop();
  absl::StatusOr<ExecutionPtr> Submit(v1::WorkflowExecution execution);
  absl::Status AwaitKept(std::string_view id);
  bool HasRoom() const;
  absl::StatusOr<ExecutionPtr> Get(std::string_view id) const;
  std::vector<ExecutionPtr> List() const;
  absl::Status Cancel(std::string_view id, std::string_view reason);
  void SetListener(std::function<void(const ExecutionPtr&)> listener);
  void OnRoom();
  WorkflowStatistics statistics() const;

 private:
  struct StageState {
    std::unique_ptr<StageCall> call;  // while RUNNING
    Monotonic deadline;               // from the moment it was QUEUED
    Monotonic not_before;             // of the next attempt
    bool waits_for_room = false;
  };
  // An execution that has not ended, or is not kept yet. The thread's.
  struct Live {
    WorkflowRun run;
    uint64_t number = 0;
    ExecutionPtr snapshot;  // as it was published
    bool is_started = false;
    Monotonic deadline = Monotonic::max();
    std::vector<StageState> stages;
  };
  // What everybody may see of an execution.
  struct Known {
    ExecutionPtr execution;
    uint64_t number = 0;
    bool is_kept = false;
  };

  void Run(const std::stop_token& stop);
  void Wait(const std::stop_token& stop);
  Monotonic NextDue() const;
  void TakeSubmissions();
  void TakeOutcomes(std::vector<Outcome> outcomes);
  void OnOutcome(Live& live, Outcome outcome);
  void TakeCancels(const std::vector<CancelRequest>& cancels);
  void Expire();
  void ExpireStages(Live& live, Monotonic now);
  // Of what has ended.
  void FreeSlots();
  void StartPending();
  void QueueReady();
  // The most urgent first, the oldest of those.
  void BeginQueued(bool has_room);
  void Begin(const std::string& id, Live& live, int stage);
  static void GiveUp(Live& live);
  // Keeps what has changed, then tells of it.
  void Publish();
  std::vector<ExecutionPtr> TakeSnapshots();
  absl::Status Keep();
  void Tell(const std::vector<ExecutionPtr>& changed);
  // Lets go of what has ended and is kept.
  void Forget();
  size_t PendingLimit(v1::TriggerPriority priority) const;

  StageRunner& runner_;
  storage::ExecutionStore* const store_;
  base::Clock& clock_;
  const std::function<void(const ExecutionPtr&)> on_end_;
  const WorkflowEngineOptions options_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();

  // The thread's.
  std::map<std::string, Live> live_;
  std::set<std::string> changed_;  // and not told yet
  std::set<std::string> unkept_;
  std::array<std::deque<std::string>, kPriorities> pending_;
  size_t running_ = 0;
  std::optional<Monotonic> store_retry_at_;
  absl::Status last_store_error_;
  absl::BitGen random_;

  mutable base::Mutex mu_;
  base::CondVar kept_;
  std::map<std::string, Known, std::less<>> known_ GUARDED_BY(mu_);
  std::deque<std::string> finished_ GUARDED_BY(mu_);
  std::vector<v1::WorkflowExecution> submitted_ GUARDED_BY(mu_);
  size_t pending_count_ GUARDED_BY(mu_) = 0;  // submitted_ and pending_
  uint64_t next_number_ GUARDED_BY(mu_) = 1;
  bool is_stopped_ GUARDED_BY(mu_) = false;
  WorkflowStatistics statistics_ GUARDED_BY(mu_);

  base::Mutex listener_mu_;  // held while it is called
  std::function<void(const ExecutionPtr&)> listener_ GUARDED_BY(listener_mu_);

  base::Thread thread_;  // last: stops before the rest goes
};

void WorkflowEngine::Impl::Start() {
  thread_ = base::Thread("workflows", [this](const std::stop_token& stop) { Run(stop); });
}

absl::Status WorkflowEngine::Impl::Recover() {
  if (store_ == nullptr) return absl::OkStatus();
  {
    MutexLock lock(mu_);
    // Under the lock, so that nothing that is known now is forgotten before it is looked for.
    ASSIGN_OR_RETURN(std::vector<v1::WorkflowExecution> unfinished, store_->Unfinished());
    for (v1::WorkflowExecution& execution : unfinished) {
      if (known_.contains(execution.id())) continue;
      execution.set_resumed(execution.resumed() + 1);
      known_[execution.id()] = {std::make_shared<const v1::WorkflowExecution>(execution),
                                next_number_++, true};
      ++pending_count_;
      submitted_.push_back(std::move(execution));
    }
  }
  MutexLock lock(inbox_->mu);
  inbox_->has_submissions = true;
  inbox_->changed.NotifyAll();
  return absl::OkStatus();
}

void WorkflowEngine::Impl::Stop() {
  {
    MutexLock lock(inbox_->mu);
    inbox_->is_stopping = true;
    inbox_->changed.NotifyAll();
  }
  thread_.StopAndJoin();
  for (auto& [id, live] : live_) GiveUp(live);
  live_.clear();
  MutexLock lock(mu_);
  is_stopped_ = true;
  kept_.NotifyAll();
}

absl::StatusOr<ExecutionPtr> WorkflowEngine::Impl::Submit(v1::WorkflowExecution execution) {
  execution.set_id(event::NewUuid());
  event::SetTime(clock_.Now(), execution.mutable_created_at());
  execution.set_priority(PriorityOf(execution));
  execution.clear_stages();
  WorkflowRun run(std::move(execution));
  auto accepted = std::make_shared<const v1::WorkflowExecution>(run.execution());
  {
    MutexLock lock(mu_);
    if (pending_count_ >= PendingLimit(accepted->priority())) {
      ++statistics_.refused;
      return absl::ResourceExhaustedError(
          fmt::format("{} executions wait already", pending_count_));
    }
    if (known_.size() >= options_.max_pending + options_.max_running + options_.max_finished) {
      ++statistics_.refused;
      return absl::ResourceExhaustedError("too many executions are not kept yet");
    }
    known_[accepted->id()] = {accepted, next_number_++, store_ == nullptr};
    ++pending_count_;
    submitted_.push_back(*accepted);
  }
  MutexLock lock(inbox_->mu);
  inbox_->has_submissions = true;
  inbox_->changed.NotifyAll();
  return accepted;
}

absl::Status WorkflowEngine::Impl::AwaitKept(std::string_view id) {
  MutexLock lock(mu_);
  while (true) {
    const auto known = known_.find(id);
    if (known == known_.end() || known->second.is_kept) return absl::OkStatus();
    if (!statistics_.store_error.empty()) {
      return absl::UnavailableError(
          fmt::format("the execution could not be kept: {}", statistics_.store_error));
    }
    if (is_stopped_) return absl::UnavailableError("shutting down");
    kept_.Wait(mu_);
  }
}

// As the queue of trigger requests does: what matters less leaves room.
size_t WorkflowEngine::Impl::PendingLimit(v1::TriggerPriority priority) const {
  if (priority == v1::TRIGGER_PRIORITY_LOW) return options_.max_pending * 8 / 10;
  if (priority == v1::TRIGGER_PRIORITY_NORMAL) return options_.max_pending * 9 / 10;
  return options_.max_pending;
}

bool WorkflowEngine::Impl::HasRoom() const {
  MutexLock lock(mu_);
  return pending_count_ + statistics_.running < options_.max_running;
}

absl::StatusOr<ExecutionPtr> WorkflowEngine::Impl::Get(std::string_view id) const {
  MutexLock lock(mu_);
  const auto known = known_.find(id);
  if (known == known_.end()) return absl::NotFoundError(fmt::format("no execution {}", id));
  return known->second.execution;
}

std::vector<ExecutionPtr> WorkflowEngine::Impl::List() const {
  std::vector<std::pair<uint64_t, ExecutionPtr>> numbered;
  {
    MutexLock lock(mu_);
    for (const auto& [id, known] : known_) numbered.emplace_back(known.number, known.execution);
  }
  std::ranges::sort(numbered, std::greater(), [](const auto& entry) { return entry.first; });
  std::vector<ExecutionPtr> executions;
  executions.reserve(numbered.size());
  for (auto& [number, execution] : numbered) executions.push_back(std::move(execution));
  return executions;
}

absl::Status WorkflowEngine::Impl::Cancel(std::string_view id, std::string_view reason) {
  RETURN_IF_ERROR(Get(id).status());
  MutexLock lock(inbox_->mu);
  inbox_->cancels.push_back({std::string(id), std::string(reason)});
  inbox_->changed.NotifyAll();
  return absl::OkStatus();
}

void WorkflowEngine::Impl::SetListener(std::function<void(const ExecutionPtr&)> listener) {
  MutexLock lock(listener_mu_);
  listener_ = std::move(listener);
}

void WorkflowEngine::Impl::OnRoom() {
  MutexLock lock(inbox_->mu);
  inbox_->has_room = true;
  inbox_->changed.NotifyAll();
}

WorkflowStatistics WorkflowEngine::Impl::statistics() const {
  MutexLock lock(mu_);
  WorkflowStatistics statistics = statistics_;
  statistics.pending = pending_count_;
  return statistics;
}

void WorkflowEngine::Impl::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    bool has_room;
    std::vector<Outcome> outcomes;
    std::vector<CancelRequest> cancels;
    {
      MutexLock lock(inbox_->mu);
      has_room = std::exchange(inbox_->has_room, false);
      inbox_->has_submissions = false;
      outcomes.swap(inbox_->outcomes);
      cancels.swap(inbox_->cancels);
    }
    TakeSubmissions();
    TakeOutcomes(std::move(outcomes));
    TakeCancels(cancels);
    Expire();
    FreeSlots();
    StartPending();
    QueueReady();
    Publish();
    BeginQueued(has_room);
    Publish();
    Wait(stop);
  }
}

void WorkflowEngine::Impl::Wait(const std::stop_token& stop) {
  const Monotonic due = NextDue();
  MutexLock lock(inbox_->mu);
  while (!inbox_->has_room && !inbox_->has_submissions && inbox_->outcomes.empty() &&
         inbox_->cancels.empty() && !inbox_->is_stopping && !stop.stop_requested()) {
    if (clock_.MonotonicNow() >= due) return;
    clock_.WaitUntil(inbox_->changed, inbox_->mu, due);
  }
}

Monotonic WorkflowEngine::Impl::NextDue() const {
  Monotonic due = clock_.MonotonicNow() + kIdle;
  if (store_retry_at_.has_value()) due = std::min(due, *store_retry_at_);
  for (const auto& [id, live] : live_) {
    due = std::min(due, live.deadline);
    for (size_t i = 0; i < live.stages.size(); ++i) {
      const v1::StageStatus status = live.run.state(static_cast<int>(i)).status();
      if (status != v1::STAGE_STATUS_QUEUED && status != v1::STAGE_STATUS_RUNNING) continue;
      due = std::min(due, live.stages[i].deadline);
      if (status == v1::STAGE_STATUS_QUEUED && !live.stages[i].waits_for_room) {
        due = std::min(due, live.stages[i].not_before);
      }
    }
  }
  return due;
}

void WorkflowEngine::Impl::TakeSubmissions() {
  std::vector<v1::WorkflowExecution> submitted;
  {
    MutexLock lock(mu_);
    submitted.swap(submitted_);
  }
  for (v1::WorkflowExecution& execution : submitted) {
    const std::string id = execution.id();
    const bool is_worn_out = execution.resumed() > options_.max_resumes;
    Live live{.run = WorkflowRun(std::move(execution))};
    {
      MutexLock lock(mu_);
      live.number = known_[id].number;
    }
    live.stages.resize(live.run.execution().stages_size());
    if (is_worn_out) {
      live.run.End(v1::EXECUTION_STATUS_FAILED,
                   fmt::format("unfinished at {} starts of the gateway", options_.max_resumes + 1),
                   clock_.Now());
    }
    pending_[PriorityOf(live.run.execution())].push_back(id);
    live_.insert_or_assign(id, std::move(live));
    changed_.insert(id);
  }
}

void WorkflowEngine::Impl::TakeOutcomes(std::vector<Outcome> outcomes) {
  for (Outcome& outcome : outcomes) {
    const auto live = live_.find(outcome.id);
    const bool is_awaited = live != live_.end() &&
                            live->second.stages[outcome.stage].call != nullptr &&
                            live->second.run.state(outcome.stage).attempts() == outcome.attempt;
    if (is_awaited) {
      OnOutcome(live->second, std::move(outcome));
    } else {
      MutexLock lock(mu_);
      ++statistics_.late_outcomes;
    }
  }
}

void WorkflowEngine::Impl::OnOutcome(Live& live, Outcome outcome) {
  StageState& stage = live.stages[outcome.stage];
  stage.call.reset();
  changed_.insert(outcome.id);
  for (const std::string& alert : outcome.outcome.alert_ids) live.run.AddAlert(alert);
  absl::StatusOr<v1::AnalysisResult>& result = outcome.outcome.result;
  absl::Status status = result.status();
  if (status.ok()) status = CheckResult(*result);
  if (status.ok() &&
      ResultBytes(live.run.execution()) + result->ByteSizeLong() > options_.max_result_bytes) {
    status = absl::OutOfRangeError(
        fmt::format("with it the results are longer than {} bytes", options_.max_result_bytes));
  }
  if (status.ok()) return live.run.OnCompleted(outcome.stage, *std::move(result), clock_.Now());
  const std::string why = status.ToString();
  const Monotonic now = clock_.MonotonicNow();
  if (absl::IsDeadlineExceeded(status) && now >= stage.deadline) {
    return live.run.OnFailed(outcome.stage, v1::STAGE_STATUS_TIMED_OUT, why, clock_.Now());
  }
  const Monotonic next = now + RetryDelay(outcome.attempt, random_);
  if (MayPass(status) && outcome.attempt <= MaxRetriesOf(live.run.stage(outcome.stage)) &&
      next < stage.deadline) {
    stage.not_before = next;
    live.run.OnRetry(outcome.stage, why);
    MutexLock lock(mu_);
    ++statistics_.retries;
    return;
  }
  live.run.OnFailed(outcome.stage, v1::STAGE_STATUS_FAILED, why, clock_.Now());
}

void WorkflowEngine::Impl::TakeCancels(const std::vector<CancelRequest>& cancels) {
  for (const CancelRequest& cancel : cancels) {
    const auto live = live_.find(cancel.id);
    if (live == live_.end() || live->second.run.has_ended()) continue;
    GiveUp(live->second);
    live->second.run.End(v1::EXECUTION_STATUS_CANCELLED, cancel.reason, clock_.Now());
    changed_.insert(cancel.id);
  }
}

void WorkflowEngine::Impl::Expire() {
  const Monotonic now = clock_.MonotonicNow();
  for (auto& [id, live] : live_) {
    if (live.run.has_ended()) continue;
    const uint64_t before = live.run.execution().revision();
    if (now >= live.deadline) {
      GiveUp(live);
      live.run.End(v1::EXECUTION_STATUS_TIMED_OUT, "took longer than its timeout", clock_.Now());
    } else {
      ExpireStages(live, now);
    }
    if (live.run.execution().revision() != before) changed_.insert(id);
  }
}

void WorkflowEngine::Impl::ExpireStages(Live& live, Monotonic now) {
  for (size_t i = 0; i < live.stages.size(); ++i) {
    const int place = static_cast<int>(i);
    const v1::StageStatus status = live.run.state(place).status();
    if (status != v1::STAGE_STATUS_QUEUED && status != v1::STAGE_STATUS_RUNNING) continue;
    if (now < live.stages[i].deadline) continue;
    if (live.stages[i].call != nullptr) live.stages[i].call->Cancel();
    live.stages[i].call.reset();
    live.run.OnFailed(
        place, v1::STAGE_STATUS_TIMED_OUT,
        fmt::format("took longer than {}{}", absl::FormatDuration(TimeoutOf(live.run.stage(place))),
                    status == v1::STAGE_STATUS_QUEUED ? " with waiting" : ""),
        clock_.Now());
  }
}

void WorkflowEngine::Impl::FreeSlots() {
  for (const std::string& id : changed_) {
    Live& live = live_.at(id);
    const v1::WorkflowExecution& execution = live.run.execution();
    if (!live.run.has_ended()) continue;
    MutexLock lock(mu_);
    const std::pair key(execution.workflow_id(), execution.status());
    const bool is_known =
        statistics_.ended.contains(key) || statistics_.ended.size() < kMaxEndedKeys;
    ++statistics_.ended[is_known ? key : std::pair(std::string("other"), key.second)];
    if (live.is_started) {
      --running_;
    } else {
      pending_count_ -= std::erase(pending_[PriorityOf(execution)], id);
    }
  }
}

void WorkflowEngine::Impl::StartPending() {
  while (running_ < options_.max_running) {
    const auto queue = std::ranges::find_if(pending_.rbegin(), pending_.rend(),
                                            [](const auto& ids) { return !ids.empty(); });
    if (queue == pending_.rend()) return;
    const std::string id = std::move(queue->front());
    queue->pop_front();
    {
      MutexLock lock(mu_);
      --pending_count_;
    }
    Live& live = live_.at(id);
    live.run.Start(clock_.Now());
    const absl::Duration spent = clock_.Now() - event::ToTime(live.run.execution().started_at());
    live.deadline = clock_.MonotonicNow() +
                    std::max(absl::ZeroDuration(), TimeoutOf(live.run.execution().workflow()) -
                                                       std::max(spent, absl::ZeroDuration()));
    live.is_started = true;
    ++running_;
    changed_.insert(id);
  }
}

void WorkflowEngine::Impl::QueueReady() {
  const Monotonic now = clock_.MonotonicNow();
  for (auto& [id, live] : live_) {
    for (const int i : live.run.TakeReady(clock_.Now())) {
      live.stages[i].deadline = now + TimeoutOf(live.run.stage(i));
      live.stages[i].not_before = now;
      changed_.insert(id);
    }
  }
}

void WorkflowEngine::Impl::BeginQueued(bool has_room) {
  struct Candidate {
    v1::TriggerPriority priority;
    uint64_t number;
    int stage;
    const std::string* id;
    Live* live;
  };
  std::vector<Candidate> candidates;
  const Monotonic now = clock_.MonotonicNow();
  for (auto& [id, live] : live_) {
    for (int i = 0; i < static_cast<int>(live.stages.size()); ++i) {
      StageState& stage = live.stages[i];
      if (live.run.state(i).status() != v1::STAGE_STATUS_QUEUED || stage.not_before > now) continue;
      if (stage.waits_for_room && !has_room) continue;
      candidates.push_back({PriorityOf(live.run.execution()), live.number, i, &id, &live});
    }
  }
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return std::tuple(b.priority, a.number, a.stage) < std::tuple(a.priority, b.number, b.stage);
  });
  for (const Candidate& candidate : candidates) {
    Begin(*candidate.id, *candidate.live, candidate.stage);
  }
}

void WorkflowEngine::Impl::Begin(const std::string& id, Live& live, int stage) {
  StageState& state = live.stages[stage];
  const uint32_t attempt = live.run.state(stage).attempts() + 1;
  const StageWork work{.execution = live.snapshot,
                       .stage = stage,
                       .timeout = base::Elapsed(clock_.MonotonicNow(), state.deadline)};
  Begun begun = runner_.Begin(work, [inbox = inbox_, id, stage, attempt](StageOutcome outcome) {
    MutexLock lock(inbox->mu);
    inbox->outcomes.push_back({id, stage, attempt, std::move(outcome)});
    inbox->changed.NotifyAll();
  });
  state.call = std::move(begun.call);
  state.waits_for_room = state.call == nullptr && begun.retry_after == absl::InfiniteDuration();
  if (state.call == nullptr) {
    if (!state.waits_for_room) state.not_before = clock_.MonotonicNow() + begun.retry_after;
    return;
  }
  live.run.OnAttempt(stage);
  changed_.insert(id);
}

void WorkflowEngine::Impl::GiveUp(Live& live) {
  for (StageState& stage : live.stages) {
    if (stage.call == nullptr) continue;
    stage.call->Cancel();
    stage.call.reset();
  }
}

void WorkflowEngine::Impl::Publish() {
  const std::vector<ExecutionPtr> changed = TakeSnapshots();
  const absl::Status kept = Keep();
  {
    MutexLock lock(mu_);
    statistics_.running = running_;
    if (kept.ok()) {
      statistics_.store_error.clear();
    } else {
      statistics_.store_error = kept.ToString();
    }
    for (const ExecutionPtr& execution : changed) {
      Known& known = known_[execution->id()];
      known.execution = execution;
      known.is_kept |= kept.ok();
    }
    kept_.NotifyAll();
  }
  Tell(changed);
  if (kept.ok()) Forget();
}

std::vector<ExecutionPtr> WorkflowEngine::Impl::TakeSnapshots() {
  std::vector<ExecutionPtr> changed;
  for (const std::string& id : std::exchange(changed_, {})) {
    Live& live = live_.at(id);
    live.snapshot = std::make_shared<const v1::WorkflowExecution>(live.run.execution());
    changed.push_back(live.snapshot);
    unkept_.insert(id);
  }
  return changed;
}

absl::Status WorkflowEngine::Impl::Keep() {
  if (unkept_.empty() || store_ == nullptr) return absl::OkStatus();
  if (store_retry_at_.has_value() && clock_.MonotonicNow() < *store_retry_at_) {
    return last_store_error_;
  }
  std::vector<const v1::WorkflowExecution*> executions;
  for (const std::string& id : unkept_) executions.push_back(live_.at(id).snapshot.get());
  last_store_error_ = store_->Save(executions);
  if (last_store_error_.ok()) {
    store_retry_at_.reset();
  } else {
    store_retry_at_ = clock_.MonotonicNow() + kStoreRetry;
  }
  return last_store_error_;
}

void WorkflowEngine::Impl::Tell(const std::vector<ExecutionPtr>& changed) {
  MutexLock lock(listener_mu_);
  for (const ExecutionPtr& execution : changed) {
    if (listener_) listener_(execution);
    if (IsFinal(execution->status())) on_end_(execution);
  }
}

void WorkflowEngine::Impl::Forget() {
  MutexLock lock(mu_);
  for (const std::string& id : std::exchange(unkept_, {})) {
    const auto live = live_.find(id);
    known_[id].is_kept = true;
    if (!live->second.run.has_ended()) continue;
    live_.erase(live);
    finished_.push_back(id);
  }
  while (finished_.size() > options_.max_finished) {
    known_.erase(finished_.front());
    finished_.pop_front();
  }
  kept_.NotifyAll();
}

WorkflowEngine::WorkflowEngine(StageRunner& runner, storage::ExecutionStore* store,
                               base::Clock& clock, std::function<void(const ExecutionPtr&)> on_end,
                               WorkflowEngineOptions options)
    : impl_(std::make_unique<Impl>(runner, store, clock, std::move(on_end), options)) {}

WorkflowEngine::~WorkflowEngine() = default;

void WorkflowEngine::Start() { impl_->Start(); }
absl::Status WorkflowEngine::Recover() { return impl_->Recover(); }
void WorkflowEngine::Stop() { impl_->Stop(); }
absl::StatusOr<ExecutionPtr> WorkflowEngine::Submit(v1::WorkflowExecution execution) {
  return impl_->Submit(std::move(execution));
}
absl::Status WorkflowEngine::AwaitKept(std::string_view id) { return impl_->AwaitKept(id); }
bool WorkflowEngine::HasRoom() const { return impl_->HasRoom(); }
absl::StatusOr<ExecutionPtr> WorkflowEngine::Get(std::string_view id) const {
  return impl_->Get(id);
}
std::vector<ExecutionPtr> WorkflowEngine::List() const { return impl_->List(); }
absl::Status WorkflowEngine::Cancel(std::string_view id, std::string_view reason) {
  return impl_->Cancel(id, reason);
}
void WorkflowEngine::SetListener(std::function<void(const ExecutionPtr&)> listener) {
  impl_->SetListener(std::move(listener));
}
void WorkflowEngine::OnRoom() { impl_->OnRoom(); }
WorkflowStatistics WorkflowEngine::statistics() const { return impl_->statistics(); }

}  // namespace daemoneye::analysis
