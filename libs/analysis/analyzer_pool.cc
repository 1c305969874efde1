#include "libs/analysis/analyzer_pool.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "libs/base/rate_window.h"
#include "libs/event/event_builder.h"

namespace daemoneye::analysis {
namespace {

using base::MutexLock;

constexpr absl::Duration kRateRetry = absl::Seconds(1);

// Told by every analyzer's calls; outlives the pool where a call is under way.
struct Room {
  base::Mutex mu;  // held while on_room is called
  std::function<void()> on_room GUARDED_BY(mu);

  void Tell() {
    MutexLock lock(mu);
    if (on_room) on_room();
  }
};

std::string TypeName(int type) {
  return v1::AnalysisType_Name(type).substr(sizeof("ANALYSIS_TYPE_") - 1);
}

absl::Status CheckCapabilities(const v1::NegotiateAnalysisResponse& can, v1::AnalysisType type,
                               std::string_view custom_type, v1::TriggerPriority priority) {
  const auto& types = can.analysis_types();
  if (std::ranges::find(types, type) == types.end()) {
    std::vector<std::string> names;
    for (const int t : types) names.push_back(TypeName(t));
    return absl::FailedPreconditionError(fmt::format("{} cannot do {}: it does {}", can.name(),
                                                     TypeName(type), fmt::join(names, ", ")));
  }
  if (type == v1::ANALYSIS_TYPE_CUSTOM &&
      std::ranges::find(can.custom_types(), custom_type) == can.custom_types().end()) {
    return absl::FailedPreconditionError(fmt::format("{} has no analysis \"{}\": it has {}",
                                                     can.name(), custom_type,
                                                     fmt::join(can.custom_types(), ", ")));
  }
  const auto& priorities = can.priorities();
  if (!priorities.empty() && priority != v1::TRIGGER_PRIORITY_UNSPECIFIED &&
      std::ranges::find(priorities, priority) == priorities.end()) {
    return absl::FailedPreconditionError(
        fmt::format("{} takes no requests of priority {}", can.name(),
                    v1::TriggerPriority_Name(priority).substr(sizeof("TRIGGER_PRIORITY_") - 1)));
  }
  return absl::OkStatus();
}

}  // namespace

// One analyzer, and what it has under way.
class AnalyzerPool::Slots : public std::enable_shared_from_this<AnalyzerPool::Slots> {
 public:
  Slots(std::shared_ptr<Analyzer> analyzer, std::shared_ptr<Room> room, base::Clock& clock)
      : analyzer_(std::move(analyzer)), room_(std::move(room)), clock_(clock) {}

  const Analyzer& analyzer() const { return *analyzer_; }
  Room& room() { return *room_; }

  Begun Begin(const v1::AnalyzeRequest& request, absl::Duration timeout, Analyzer::Done done);
  AnalyzerStatus status() const;

 private:
  class Call;
  // A place that was taken, given back once: by the answer, or by who gives the call up.
  class Ticket;
  // Room for one more, taken; else when to ask again.
  bool Take(const v1::AnalyzerLimits& limits, absl::Duration* retry_after);
  void GiveBack(const absl::Status& status);

  const std::shared_ptr<Analyzer> analyzer_;
  const std::shared_ptr<Room> room_;
  base::Clock& clock_;
  mutable base::Mutex mu_;
  uint32_t under_way_ GUARDED_BY(mu_) = 0;
  base::RateWindow rate_ GUARDED_BY(mu_);
  std::map<std::string, uint64_t> answers_ GUARDED_BY(mu_);
};

bool AnalyzerPool::Slots::Take(const v1::AnalyzerLimits& limits, absl::Duration* retry_after) {
  const uint32_t concurrency =
      limits.max_concurrent() == 0 ? kDefaultConcurrency : limits.max_concurrent();
  MutexLock lock(mu_);
  if (under_way_ >= concurrency) {
    *retry_after = absl::InfiniteDuration();
    return false;
  }
  const base::Monotonic now = clock_.MonotonicNow();
  if (limits.max_rate_per_minute() != 0 && rate_.Count(now) >= limits.max_rate_per_minute()) {
    *retry_after = kRateRetry;
    return false;
  }
  ++under_way_;
  rate_.Add(now);
  return true;
}

void AnalyzerPool::Slots::GiveBack(const absl::Status& status) {
  {
    MutexLock lock(mu_);
    --under_way_;
    ++answers_[absl::StatusCodeToString(status.code())];
  }
  room_->Tell();
}

class AnalyzerPool::Slots::Ticket {
 public:
  explicit Ticket(std::weak_ptr<Slots> slots) : slots_(std::move(slots)) {}
  void GiveBack(const absl::Status& status) {
    const std::shared_ptr<Slots> slots = slots_.lock();
    if (slots != nullptr && !is_given_back_.exchange(true)) slots->GiveBack(status);
  }

 private:
  // Who answers holds the ticket, and the slots hold who answers.
  const std::weak_ptr<Slots> slots_;
  std::atomic<bool> is_given_back_ = false;
};

class AnalyzerPool::Slots::Call final : public StageCall {
 public:
  Call(std::unique_ptr<StageCall> call, std::shared_ptr<Ticket> ticket)
      : call_(std::move(call)), ticket_(std::move(ticket)) {}
  void Cancel() override {
    call_->Cancel();
    ticket_->GiveBack(absl::CancelledError());
  }

 private:
  const std::unique_ptr<StageCall> call_;
  const std::shared_ptr<Ticket> ticket_;
};

Begun AnalyzerPool::Slots::Begin(const v1::AnalyzeRequest& request, absl::Duration timeout,
                                 Analyzer::Done done) {
  Begun begun;
  const v1::AnalyzerLimits limits = analyzer_->capabilities().limits();
  if (!Take(limits, &begun.retry_after)) return begun;
  if (limits.has_max_duration()) {
    timeout = std::min(timeout, event::ToDuration(limits.max_duration()));
  }
  const auto ticket = std::make_shared<Ticket>(weak_from_this());
  auto call =
      analyzer_->Begin(request, timeout,
                       [ticket, done = std::move(done)](absl::StatusOr<v1::AnalysisResult> result) {
                         const absl::Status status = result.status();
                         done(std::move(result));
                         ticket->GiveBack(status);
                       });
  begun.call = std::make_unique<Call>(std::move(call), ticket);
  return begun;
}

AnalyzerStatus AnalyzerPool::Slots::status() const {
  AnalyzerStatus status;
  status.address = analyzer_->address();
  status.capabilities = analyzer_->capabilities();
  status.problem = analyzer_->problem();
  MutexLock lock(mu_);
  status.under_way = under_way_;
  status.answers = answers_;
  return status;
}

AnalyzerPool::AnalyzerPool(std::vector<std::shared_ptr<Analyzer>> analyzers, base::Clock& clock) {
  auto room = std::make_shared<Room>();
  for (std::shared_ptr<Analyzer>& analyzer : analyzers) {
    slots_.push_back(std::make_shared<Slots>(std::move(analyzer), room, clock));
  }
}

AnalyzerPool::~AnalyzerPool() { SetOnRoom(nullptr); }

void AnalyzerPool::SetOnRoom(std::function<void()> on_room) {
  if (slots_.empty()) return;
  Room& room = slots_.front()->room();
  MutexLock lock(room.mu);
  room.on_room = std::move(on_room);
}

std::vector<std::shared_ptr<AnalyzerPool::Slots>> AnalyzerPool::Find(std::string_view name) const {
  std::vector<std::shared_ptr<Slots>> usable;
  std::vector<std::shared_ptr<Slots>> others;
  for (const std::shared_ptr<Slots>& slots : slots_) {
    if (slots->analyzer().capabilities().name() != name) continue;
    (slots->analyzer().problem().empty() ? usable : others).push_back(slots);
  }
  return usable.empty() ? others : usable;
}

absl::Status AnalyzerPool::Check(std::string_view analyzer, v1::AnalysisType type,
                                 std::string_view custom_type, v1::TriggerPriority priority) const {
  const std::vector<std::shared_ptr<Slots>> found = Find(analyzer);
  if (!found.empty()) {
    return CheckCapabilities(found.front()->analyzer().capabilities(), type, custom_type, priority);
  }
  std::set<std::string> names;
  bool is_all = true;
  for (const std::shared_ptr<Slots>& known : slots_) {
    const std::string name = known->analyzer().capabilities().name();
    if (name.empty()) {
      is_all = false;
    } else {
      names.insert(name);
    }
  }
  const std::string message = fmt::format(
      "no analyzer is named \"{}\"; there {} {}{}", analyzer, names.size() == 1 ? "is" : "are",
      names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")),
      is_all ? "" : ", and some were not reached yet");
  // One that is to come may have the name.
  return is_all ? absl::FailedPreconditionError(message) : absl::UnavailableError(message);
}

Begun AnalyzerPool::Begin(std::string_view analyzer, const v1::AnalyzeRequest& request,
                          absl::Duration timeout, const Analyzer::Done& done) {
  // A call that has ended already.
  class Ended final : public StageCall {
   public:
    void Cancel() override {}
  };
  absl::Status status =
      Check(analyzer, request.analysis_type(), request.custom_type(), request.priority());
  const std::vector<std::shared_ptr<Slots>> found = Find(analyzer);
  if (status.ok() && found.empty()) status = absl::UnavailableError("the analyzer has gone");
  if (status.ok()) {
    const std::string problem = found.front()->analyzer().problem();
    if (!problem.empty()) {
      status = absl::UnavailableError(fmt::format("{}: {}", analyzer, problem));
    }
  }
  if (!status.ok()) {
    done(status);
    return {.call = std::make_unique<Ended>()};
  }
  Begun begun;
  for (const std::shared_ptr<Slots>& slots : found) {
    Begun tried = slots->Begin(request, timeout, done);
    if (tried.call != nullptr) return tried;
    begun.retry_after = std::min(begun.retry_after, tried.retry_after);
  }
  return begun;
}

std::vector<AnalyzerStatus> AnalyzerPool::statuses() const {
  std::vector<AnalyzerStatus> statuses;
  statuses.reserve(slots_.size());
  for (const std::shared_ptr<Slots>& slots : slots_) statuses.push_back(slots->status());
  return statuses;
}

}  // namespace daemoneye::analysis
