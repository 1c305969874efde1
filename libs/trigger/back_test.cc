#include "libs/trigger/back_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/event/event_builder.h"
#include "libs/trigger/condition_sql.h"
#include "libs/trigger/trigger_check.h"

namespace daemoneye::trigger {
namespace {

using base::operator+;

// Its window steps at most this often over a hole in the stored events.
constexpr int kMaxSteps = 100'000;

std::vector<std::shared_ptr<const v1::Trigger>> Alone(const v1::Trigger& trigger) {
  auto copy = std::make_shared<v1::Trigger>(trigger);
  copy->set_enabled(true);
  return {std::move(copy)};
}

// When it could first be evaluated: a scan sees what happened some time ago, and the windows that
// were evaluated in between did not hold it.
absl::Time ArrivalTime(const v1::CollectionEvent& event) {
  const google::protobuf::Timestamp& time =
      event.has_observed_time() ? event.observed_time() : event.event_time();
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration StepOf(const v1::Trigger& trigger) {
  return std::max(absl::Seconds(1), WindowOf(trigger) / 10);
}

// Runs a set over events in order; its windows at the times they would have been evaluated.
class Replay {
 public:
  Replay(TriggerSet& set, const v1::Trigger& trigger)
      : set_(set), is_window_(trigger.condition().has_window()), step_(StepOf(trigger)) {}

  void Run(std::span<const v1::CollectionEvent* const> events, std::vector<Hit>* hits) {
    if (!is_window_) return set_.Evaluate(events, absl::InfiniteFuture(), hits);
    for (const v1::CollectionEvent* event : events) {
      const absl::Time time = ArrivalTime(*event);
      if (next_ == absl::InfiniteFuture())
        next_ = absl::UnixEpoch() + absl::Floor(time - absl::UnixEpoch(), step_) + step_;
      for (int i = 0; next_ <= time && i < kMaxSteps; ++i) Step(hits);
      set_.Evaluate({&event, 1}, absl::InfiniteFuture(), hits);
      last_ = std::max(last_, time);
    }
  }
  // Until every event has left the window.
  void Finish(const v1::Trigger& trigger, std::vector<Hit>* hits) {
    if (!is_window_ || next_ == absl::InfiniteFuture()) return;
    const absl::Time end = last_ + WindowOf(trigger);
    for (int i = 0; next_ <= end && i < kMaxSteps; ++i) Step(hits);
  }

 private:
  void Step(std::vector<Hit>* hits) {
    set_.EvaluateWindows(next_, hits);
    next_ += step_;
  }

  TriggerSet& set_;
  const bool is_window_;
  const absl::Duration step_;
  absl::Time next_ = absl::InfiniteFuture();
  absl::Time last_ = absl::InfinitePast();
};

void RunTests(const v1::Trigger& trigger, const Lists& lists, const SetOptions& set_options,
              v1::ValidateTriggerResponse* response) {
  for (int i = 0; i < trigger.tests_size(); ++i) {
    const v1::TriggerTest& test = trigger.tests(i);
    LiveTables live;
    live.SetLists(lists);
    std::vector<Refusal> refusals;
    const auto set = TriggerSet::Compile(Alone(trigger), set_options, &refusals);
    set->Bind(live);
    std::vector<const v1::CollectionEvent*> events;
    for (const v1::CollectionEvent& event : test.events()) events.push_back(&event);
    std::vector<Hit> hits;
    Replay replay(*set, trigger);
    replay.Run(events, &hits);
    replay.Finish(trigger, &hits);
    const bool matches = std::ranges::any_of(hits, [](const Hit& h) { return !h.is_excepted; });
    if (matches == test.match()) continue;
    *response->add_problems() =
        Problem(fmt::format("tests[{}]", i),
                fmt::format("\"{}\" is to {}match, and does{}", test.name(),
                            test.match() ? "" : "not ", test.match() ? " not" : ""));
  }
}

void AddMatch(Hit& hit, v1::BackTestTriggerResponse* response) {
  v1::TriggerMatch* match = response->add_matches();
  if (hit.event != nullptr) *match->mutable_event() = *hit.event;
  for (v1::Origin& origin : hit.evidence) *match->add_evidence() = std::move(origin);
  match->set_key(std::move(hit.key));
}

void Count(std::vector<Hit> hits, size_t max_matches, v1::BackTestTriggerResponse* response) {
  for (Hit& hit : hits) {
    if (hit.is_excepted) {
      response->set_excepted(response->excepted() + 1);
      continue;
    }
    response->set_matched(response->matched() + 1);
    if (static_cast<size_t>(response->matches_size()) < max_matches) AddMatch(hit, response);
  }
}

}  // namespace

v1::ValidateTriggerResponse ValidateTrigger(const v1::Trigger& trigger, const Lists& lists,
                                            const SetOptions& set_options) {
  v1::ValidateTriggerResponse response;
  for (v1::TriggerProblem& problem : CheckTrigger(trigger, /*needs_id=*/false)) {
    *response.add_problems() = std::move(problem);
  }
  std::vector<Refusal> refusals;
  const auto set = TriggerSet::Compile(Alone(trigger), set_options, &refusals);
  for (Refusal& refusal : refusals) {
    for (v1::TriggerProblem& problem : refusal.problems) {
      *response.add_problems() = std::move(problem);
    }
  }
  if (set->size() == 1) {
    response.set_effective_sql(set->effective_sql(0));
    response.set_indexed(set->is_indexed(0));
    response.set_batched(set->is_batched(0));
    if (response.problems().empty()) RunTests(trigger, lists, set_options, &response);
  }
  response.set_valid(response.problems().empty());
  return response;
}

absl::StatusOr<v1::BackTestTriggerResponse> RunBackTest(const v1::Trigger& trigger,
                                                        LiveTables& live, SetOptions set_options,
                                                        const EventReader& next,
                                                        const BackTestOptions& options) {
  set_options.updates_live_tables = false;
  std::vector<Refusal> refusals;
  const auto set = TriggerSet::Compile(Alone(trigger), set_options, &refusals);
  if (!refusals.empty()) {
    const v1::TriggerProblem& problem = refusals.front().problems.front();
    return absl::InvalidArgumentError(fmt::format("{}: {}", problem.field(), problem.message()));
  }
  set->Bind(live);
  v1::BackTestTriggerResponse response;
  response.mutable_completeness()->set_complete(true);
  const base::Monotonic deadline = base::Clock::Real().MonotonicNow() + options.timeout;
  Replay replay(*set, trigger);
  std::vector<v1::CollectionEvent> batch;
  std::vector<const v1::CollectionEvent*> events;
  std::vector<Hit> hits;
  while (true) {
    batch.clear();
    RETURN_IF_ERROR(next(&batch));
    if (batch.empty()) break;
    events.clear();
    for (const v1::CollectionEvent& event : batch) events.push_back(&event);
    hits.clear();
    replay.Run(events, &hits);
    Count(std::move(hits), options.max_matches, &response);
    if (base::Clock::Real().MonotonicNow() < deadline) continue;
    response.mutable_completeness()->set_complete(false);
    response.mutable_completeness()->add_reasons("ended after its timeout");
    break;
  }
  hits.clear();
  replay.Finish(trigger, &hits);
  Count(std::move(hits), options.max_matches, &response);
  const TriggerCost& cost = set->cost(0);
  response.set_evaluated(cost.evaluated);
  response.set_errors(cost.errors);
  response.set_last_error(cost.last_error);
  event::SetDuration(cost.cpu_time, response.mutable_cpu_time());
  response.set_approximate(set->reads_live(0));
  return response;
}

}  // namespace daemoneye::trigger
