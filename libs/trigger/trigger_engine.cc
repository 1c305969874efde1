#include "libs/trigger/trigger_engine.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "libs/base/mutex.h"
#include "libs/event/event_builder.h"
#include "libs/sql/budget.h"
#include "libs/trigger/admission.h"
#include "libs/trigger/back_test.h"
#include "libs/trigger/generation.h"
#include "libs/trigger/trigger_check.h"
#include "libs/trigger/trigger_set.h"
#include "libs/trigger/turn_lock.h"

namespace daemoneye::trigger {
namespace {

using base::operator+;

// How long one piece of a batch is to take, so that who asks for statistics need not wait for all
// of it, and what is too dear is stopped in the middle.
constexpr absl::Duration kPieceTime = absl::Milliseconds(50);
constexpr size_t kMinPiece = 16;
constexpr size_t kFirstPiece = 256;
constexpr size_t kMaxPiece = 4096;
constexpr absl::Duration kShareInterval = absl::Seconds(1);

}  // namespace

class TriggerEngine::Impl {
 public:
  Impl(const EngineOptions& options, MatchSink& sink, base::Clock& clock)
      : options_(options), sink_(sink), clock_(clock), admission_(options, clock) {
    std::vector<Refusal> none;
    set_ = TriggerSet::Compile({}, SetOptionsOf(options), &none);
    set_->Bind(live_);
    FollowLocked(!options_.state);
  }

  std::vector<Refusal> Apply(Definitions definitions);
  void Process(std::span<const v1::CollectionEvent* const> events);
  void Tick();
  void GiveUpQueued();
  v1::ValidateTriggerResponse Validate(const v1::Trigger& trigger) const;
  absl::StatusOr<v1::BackTestTriggerResponse> BackTest(const v1::Trigger& trigger,
                                                       const EventReader& next,
                                                       const BackTestOptions& options);
  void ReadLive(const std::function<void(const LiveTables&)>& read);
  bool needs_events() const { return needs_events_.load(std::memory_order_acquire); }
  std::vector<v1::TriggerStatistics> Statistics(const std::vector<std::string>& ids) const;
  QueueStatistics Queue() const;
  EngineGauges Gauges() const;
  void CountMissed(uint64_t events) {
    const TurnLock lock(turn_mu_, mu_);
    missed_events_ += events;
  }
  uint64_t missed_events() const {
    const TurnLock lock(turn_mu_, mu_);
    return missed_events_;
  }
  size_t ForgetUntold(const std::string& host, const std::string& monitor,
                      const std::set<std::string>& streams) {
    const TurnLock lock(turn_mu_, mu_);
    return live_.ForgetUntold(host, monitor, streams);
  }

 private:
  struct Record : TriggerRecord {
    std::string fingerprint;
    CostWatch costs;
    std::string suspended;
    // Its place in the set; absent where it is not evaluated.
    std::optional<size_t> index;
  };
  struct Stopwatch {
    absl::Duration cpu = sql::ThreadCpuTime();
    base::Monotonic wall = base::Clock::Real().MonotonicNow();
  };
  using Suspended = std::pair<std::string, std::string>;
  // What is to be told once the lock is gone.
  struct News {
    std::vector<RateLimitNotice> notices;
    std::vector<Suspended> suspended;
  };

  static SetOptions SetOptionsOf(const EngineOptions& options) {
    return {.event_budget = options.event_budget, .window_budget = options.window_budget};
  }

  void Follow();
  void FollowLocked(bool follows) REQUIRES(mu_);
  void StopFollowingLocked() REQUIRES(mu_);
  void FoldCostsLocked() REQUIRES(mu_);
  void RenewRecordsLocked(const std::vector<std::shared_ptr<const v1::Trigger>>& triggers)
      REQUIRES(mu_);
  void AdmitLocked(std::vector<Hit> hits, News* news) REQUIRES(mu_);
  void ProcessPiece(std::span<const v1::CollectionEvent* const> events);
  // Counts what was evaluated, and returns how long it took.
  absl::Duration AddTimeLocked(const Stopwatch& since) REQUIRES(mu_);
  void SuspendLocked(News* news) REQUIRES(mu_);
  void Tell(const News& news);
  void HandOver();
  v1::TriggerStatistics StatisticsLocked(const Record& record) const REQUIRES(mu_);

  const EngineOptions options_;
  MatchSink& sink_;
  base::Clock& clock_;
  mutable base::Mutex mu_;
  mutable base::Mutex turn_mu_;  // see TurnLock; taken before mu_
  base::Mutex apply_mu_;         // one Apply at a time; taken before the others
  base::Mutex follow_mu_;        // one Follow at a time; taken behind apply_mu_
  std::atomic<bool> needs_events_ = false;
  Lists lists_ GUARDED_BY(mu_);
  LiveTables live_ GUARDED_BY(mu_);
  std::unique_ptr<TriggerSet> set_ GUARDED_BY(mu_);
  std::vector<Record*> by_index_ GUARDED_BY(mu_);  // of set_
  absl::flat_hash_map<std::string, std::unique_ptr<Record>> records_ GUARDED_BY(mu_);
  Admission admission_ GUARDED_BY(mu_);
  uint64_t timed_out_ GUARDED_BY(mu_) = 0;
  uint64_t missed_events_ GUARDED_BY(mu_) = 0;
  size_t piece_ = kFirstPiece;  // of the thread that calls Process
  // Since the last look at shares: what evaluating took by the wall clock, and of the CPU.
  absl::Duration wall_time_ GUARDED_BY(mu_);
  absl::Duration cpu_time_ GUARDED_BY(mu_);
  base::Monotonic next_share_ GUARDED_BY(mu_);
  // Whether live_ follows the events, and until when for who reads it beside the triggers.
  bool follows_ GUARDED_BY(mu_) = false;
  base::Monotonic read_until_ GUARDED_BY(mu_) = base::Monotonic::min();
};

void TriggerEngine::Impl::FollowLocked(bool follows) {
  follows_ = follows;
  set_->UpdateLiveTables(follows);
  needs_events_.store(follows || set_->size() > 0, std::memory_order_release);
}

// Has the live tables follow the events, and fills in what there was before. Events are followed
// first, so that none falls in between; what they tell is newer.
void TriggerEngine::Impl::Follow() {
  base::MutexLock follow_lock(follow_mu_);
  {
    const TurnLock lock(turn_mu_, mu_);
    read_until_ = clock_.MonotonicNow() + options_.keep_following;
    if (follows_) return;
    FollowLocked(true);
  }
  const std::vector<v1::CollectionEvent> state = options_.state();
  const TurnLock lock(turn_mu_, mu_);
  live_.FillIn(state, clock_.Now());
}

void TriggerEngine::Impl::StopFollowingLocked() {
  if (!follows_ || !options_.state || set_->reads_live()) return;
  if (clock_.MonotonicNow() < read_until_) return;
  FollowLocked(false);
  live_.ForgetProcesses();
}

void TriggerEngine::Impl::ReadLive(const std::function<void(const LiveTables&)>& read) {
  Follow();
  const TurnLock lock(turn_mu_, mu_);
  read(live_);
}

std::vector<Refusal> TriggerEngine::Impl::Apply(Definitions definitions) {
  base::MutexLock apply_lock(apply_mu_);
  std::vector<Refusal> refusals = CheckDefinitions(definitions, options_.max_triggers);
  std::vector<std::shared_ptr<const v1::Trigger>> triggers;
  for (v1::Trigger& trigger : definitions.triggers) {
    triggers.push_back(std::make_shared<const v1::Trigger>(std::move(trigger)));
  }
  if (!refusals.empty()) return refusals;
  // Beside Process: it is bound to the live tables below.
  auto set = TriggerSet::Compile(triggers, SetOptionsOf(options_), &refusals);
  if (!refusals.empty()) return refusals;
  if (set->reads_live()) Follow();
  const TurnLock lock(turn_mu_, mu_);
  FoldCostsLocked();
  set->TakeWindows(*set_);
  set_ = std::move(set);
  set_->Bind(live_);
  lists_ = definitions.lists;
  live_.SetLists(definitions.lists);
  live_.LoadBaseline(definitions.baseline);
  RenewRecordsLocked(triggers);
  FollowLocked(follows_);
  return {};
}

// What the old set counted stays with the triggers.
void TriggerEngine::Impl::FoldCostsLocked() {
  for (size_t i = 0; i < by_index_.size(); ++i) {
    by_index_[i]->statistics = StatisticsLocked(*by_index_[i]);
  }
}

void TriggerEngine::Impl::RenewRecordsLocked(
    const std::vector<std::shared_ptr<const v1::Trigger>>& triggers) {
  absl::flat_hash_map<std::string, std::unique_ptr<Record>> kept;
  for (const auto& trigger : triggers) {
    std::string fingerprint = Fingerprint(*trigger);
    std::unique_ptr<Record>& record = kept[trigger->id()];
    if (const auto old = records_.find(trigger->id()); old != records_.end()) {
      record = std::move(old->second);
      records_.erase(old);
    }
    if (record == nullptr || record->fingerprint != fingerprint) {
      if (record != nullptr) admission_.Forget(trigger->id());
      record = std::make_unique<Record>();
      record->statistics.set_trigger_id(trigger->id());
      record->fingerprint = std::move(fingerprint);
      record->costs = CostWatch(options_.cost_limits);
    }
    // Who turns a trigger off and on again has it tried once more.
    if (trigger->has_enabled() && !trigger->enabled() && !record->suspended.empty()) {
      record->suspended.clear();
      record->costs = CostWatch(options_.cost_limits);
    }
    record->definition = trigger;
    record->index.reset();
  }
  for (const auto& [id, record] : records_) admission_.Forget(id);
  records_ = std::move(kept);
  by_index_.clear();
  for (size_t i = 0; i < set_->size(); ++i) {
    by_index_.push_back(records_.at(set_->definition(i)->id()).get());
    by_index_[i]->index = i;
    if (!by_index_[i]->suspended.empty()) set_->Suspend(i);
  }
}

void TriggerEngine::Impl::Process(std::span<const v1::CollectionEvent* const> events) {
  while (!events.empty()) {
    const size_t size = std::min(piece_, events.size());
    ProcessPiece(events.first(size));
    events = events.subspan(size);
  }
}

// How events are cut into pieces never shows in what matches.
void TriggerEngine::Impl::ProcessPiece(std::span<const v1::CollectionEvent* const> events) {
  News news;
  {
    const TurnLock lock(turn_mu_, mu_);
    std::vector<Hit> hits;
    const Stopwatch since;
    set_->Evaluate(events, clock_.Now(), &hits);
    const absl::Duration took = AddTimeLocked(since);
    if (took > kPieceTime) piece_ = std::max(kMinPiece, events.size() / 2);
    if (took < kPieceTime / 4) piece_ = std::min(kMaxPiece, piece_ * 2);
    AdmitLocked(std::move(hits), &news);
    SuspendLocked(&news);
  }
  Tell(news);
  HandOver();
}

void TriggerEngine::Impl::Tick() {
  News news;
  {
    const TurnLock lock(turn_mu_, mu_);
    std::vector<Hit> hits;
    const Stopwatch since;
    set_->EvaluateWindows(clock_.Now(), &hits);
    AddTimeLocked(since);
    AdmitLocked(std::move(hits), &news);
    SuspendLocked(&news);
    StopFollowingLocked();
  }
  Tell(news);
  HandOver();
}

absl::Duration TriggerEngine::Impl::AddTimeLocked(const Stopwatch& since) {
  const absl::Duration took = base::Elapsed(since.wall, base::Clock::Real().MonotonicNow());
  wall_time_ += took;
  cpu_time_ += sql::ThreadCpuTime() - since.cpu;
  return took;
}

void TriggerEngine::Impl::AdmitLocked(std::vector<Hit> hits, News* news) {
  // An event that many triggers match is copied once.
  const v1::CollectionEvent* copied = nullptr;
  std::shared_ptr<const v1::CollectionEvent> event;
  for (Hit& hit : hits) {
    Record& record = *by_index_[hit.trigger];
    if (hit.is_excepted) {
      ++(*record.statistics.mutable_suppressed())["excepted"];
      continue;
    }
    if (hit.window_event == nullptr && hit.event != copied) {
      copied = hit.event;
      event = std::make_shared<const v1::CollectionEvent>(*hit.event);
    }
    TriggerMatch match{.trigger = record.definition,
                       .event = hit.window_event != nullptr ? hit.window_event : event,
                       .evidence = std::move(hit.evidence),
                       .key = std::move(hit.key),
                       .details = std::move(hit.details),
                       .matched_at = clock_.Now()};
    if (match.event->has_trigger_request())
      match.depth = match.event->trigger_request().depth() + 1;
    const auto evicted = admission_.Admit(std::move(match), record, &news->notices);
    if (!evicted) continue;
    if (const auto found = records_.find(*evicted); found != records_.end()) {
      v1::TriggerStatistics& loser = found->second->statistics;
      loser.set_accepted(loser.accepted() - std::min<uint64_t>(loser.accepted(), 1));
      ++(*loser.mutable_suppressed())["queue_full"];
    }
  }
}

void TriggerEngine::Impl::SuspendLocked(News* news) {
  const base::Monotonic now = clock_.MonotonicNow();
  const bool looks_at_shares = now >= next_share_;
  const double cpu_ratio =
      wall_time_ > absl::ZeroDuration() ? absl::FDivDuration(cpu_time_, wall_time_) : 1;
  for (size_t i = 0; i < by_index_.size(); ++i) {
    Record& record = *by_index_[i];
    if (!record.suspended.empty()) continue;
    const TriggerCost& cost = set_->cost(i);
    auto reason = record.costs.AddCutOffs(cost.cut_offs, cost.last_error, now);
    if (!reason && looks_at_shares) {
      reason = record.costs.AddCost(cost.cpu_time, cost.evaluated, cpu_ratio, now);
    }
    if (!reason) continue;
    record.suspended = *std::move(reason);
    set_->Suspend(i);
    news->suspended.emplace_back(record.definition->id(), record.suspended);
  }
  if (!looks_at_shares) return;
  next_share_ = now + kShareInterval;
  wall_time_ = cpu_time_ = absl::ZeroDuration();
}

void TriggerEngine::Impl::Tell(const News& news) {
  for (const RateLimitNotice& notice : news.notices) sink_.OnRateLimited(notice);
  for (const auto& [id, reason] : news.suspended) sink_.OnSuspended(id, reason);
}

// Only this thread pushes, so what is put back fits.
void TriggerEngine::Impl::HandOver() {
  std::vector<RequestQueue::Item> items;
  {
    const TurnLock lock(turn_mu_, mu_);
    items = admission_.queue().TakeAll();
  }
  std::vector<RequestQueue::Item> left;
  uint64_t timed_out = 0;
  const base::Monotonic now = clock_.MonotonicNow();
  for (RequestQueue::Item& item : items) {
    if (item.deadline <= now) {
      ++timed_out;
      sink_.OnTimeout(item.match);
    } else if (!sink_.OnMatch(item.match)) {
      left.push_back(std::move(item));
    }
  }
  const TurnLock lock(turn_mu_, mu_);
  timed_out_ += timed_out;
  admission_.queue().PutBack(std::move(left));
}

void TriggerEngine::Impl::GiveUpQueued() {
  std::vector<RequestQueue::Item> items;
  {
    const TurnLock lock(turn_mu_, mu_);
    items = admission_.queue().TakeAll();
    timed_out_ += items.size();
  }
  for (const RequestQueue::Item& item : items) sink_.OnTimeout(item.match);
}

v1::ValidateTriggerResponse TriggerEngine::Impl::Validate(const v1::Trigger& trigger) const {
  Lists lists;
  {
    const TurnLock lock(turn_mu_, mu_);
    lists = lists_;
  }
  return ValidateTrigger(trigger, lists, SetOptionsOf(options_));
}

absl::StatusOr<v1::BackTestTriggerResponse> TriggerEngine::Impl::BackTest(
    const v1::Trigger& trigger, const EventReader& next, const BackTestOptions& options) {
  std::unique_ptr<LiveTables> live;
  ReadLive([&live](const LiveTables& current) { live = current.Copy(); });
  return RunBackTest(trigger, *live, SetOptionsOf(options_), next, options);
}

v1::TriggerStatistics TriggerEngine::Impl::StatisticsLocked(const Record& record) const {
  v1::TriggerStatistics statistics = record.statistics;
  statistics.set_suspended(record.suspended);
  if (!record.index) return statistics;
  const TriggerCost& cost = set_->cost(*record.index);
  statistics.set_evaluated(statistics.evaluated() + cost.evaluated);
  statistics.set_errors(statistics.errors() + cost.errors);
  if (!cost.last_error.empty()) statistics.set_last_error(cost.last_error);
  const absl::Duration before = event::ToDuration(statistics.cpu_time());
  event::SetDuration(before + cost.cpu_time, statistics.mutable_cpu_time());
  return statistics;
}

std::vector<v1::TriggerStatistics> TriggerEngine::Impl::Statistics(
    const std::vector<std::string>& ids) const {
  std::vector<v1::TriggerStatistics> all;
  const TurnLock lock(turn_mu_, mu_);
  if (ids.empty()) {
    for (const auto& [id, record] : records_) all.push_back(StatisticsLocked(*record));
  }
  for (const std::string& id : ids) {
    const auto found = records_.find(id);
    if (found != records_.end()) all.push_back(StatisticsLocked(*found->second));
  }
  std::ranges::sort(all, {}, [](const auto& s) { return s.trigger_id(); });
  return all;
}

QueueStatistics TriggerEngine::Impl::Queue() const {
  const TurnLock lock(turn_mu_, mu_);
  const RequestQueue& queue = admission_.queue();
  QueueStatistics statistics{
      .depth = queue.size(), .capacity = queue.capacity(), .dropped = {}, .timed_out = timed_out_};
  for (const auto priority : {v1::TRIGGER_PRIORITY_LOW, v1::TRIGGER_PRIORITY_NORMAL,
                              v1::TRIGGER_PRIORITY_HIGH, v1::TRIGGER_PRIORITY_CRITICAL}) {
    const std::string name = v1::TriggerPriority_Name(priority).substr(sizeof("TRIGGER_PRIORITY"));
    statistics.dropped[name] = queue.dropped(priority);
  }
  return statistics;
}

EngineGauges TriggerEngine::Impl::Gauges() const {
  const TurnLock lock(turn_mu_, mu_);
  const auto is_suspended = [](const auto& r) { return !r.second->suspended.empty(); };
  return {.triggers = records_.size(),
          .suspended = static_cast<size_t>(std::ranges::count_if(records_, is_suspended)),
          .processes = live_.processes(),
          .process_bytes = live_.process_bytes(),
          .processes_evicted = live_.processes_evicted(),
          .baseline_rows = live_.baseline_rows(),
          .baseline_refused = live_.baseline_refused(),
          .window_events = set_->window_events(),
          .window_bytes = set_->window_bytes(),
          .window_events_dropped = set_->window_events_dropped(),
          .dedup_entries = admission_.dedup_entries()};
}

TriggerEngine::TriggerEngine(const EngineOptions& options, MatchSink& sink, base::Clock& clock)
    : impl_(std::make_unique<Impl>(options, sink, clock)) {}
TriggerEngine::~TriggerEngine() = default;

std::vector<Refusal> TriggerEngine::Apply(Definitions definitions) {
  return impl_->Apply(std::move(definitions));
}
void TriggerEngine::Process(std::span<const v1::CollectionEvent* const> events) {
  impl_->Process(events);
}
bool TriggerEngine::needs_events() const { return impl_->needs_events(); }
void TriggerEngine::Tick() { impl_->Tick(); }
void TriggerEngine::GiveUpQueued() { impl_->GiveUpQueued(); }
size_t TriggerEngine::ForgetUntold(const std::string& host, const std::string& monitor,
                                   const std::set<std::string>& streams) {
  return impl_->ForgetUntold(host, monitor, streams);
}
void TriggerEngine::CountMissed(uint64_t events) { impl_->CountMissed(events); }
v1::ValidateTriggerResponse TriggerEngine::Validate(const v1::Trigger& trigger) const {
  return impl_->Validate(trigger);
}
absl::StatusOr<v1::BackTestTriggerResponse> TriggerEngine::BackTest(
    const v1::Trigger& trigger, const EventReader& next, const BackTestOptions& options) const {
  return impl_->BackTest(trigger, next, options);
}
std::vector<v1::TriggerStatistics> TriggerEngine::Statistics(
    const std::vector<std::string>& ids) const {
  return impl_->Statistics(ids);
}
QueueStatistics TriggerEngine::Queue() const { return impl_->Queue(); }
EngineGauges TriggerEngine::Gauges() const { return impl_->Gauges(); }
uint64_t TriggerEngine::missed_events() const { return impl_->missed_events(); }
void TriggerEngine::ReadLive(const std::function<void(const LiveTables&)>& read) const {
  impl_->ReadLive(read);
}

}  // namespace daemoneye::trigger
