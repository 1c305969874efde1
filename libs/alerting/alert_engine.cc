#include "libs/alerting/alert_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "libs/alerting/alert_bounds.h"
#include "libs/base/text.h"
#include "libs/event/uuid.h"

namespace daemoneye::alerting {
namespace {

using base::MutexLock;
using base::operator+;

constexpr absl::Duration kFirstBackoff = absl::Seconds(1);
constexpr absl::Duration kMaxBackoff = absl::Seconds(60);
// Alerts of one transaction.
constexpr size_t kMaxBatch = 256;

std::string DedupKey(const AlertDraft& draft) {
  const v1::Alert& alert = draft.alert;
  // Each text behind its length: no text can pass for two others.
  std::string key;
  for (const std::string* part : {&alert.trigger_id(), &alert.workflow_id(), &alert.host(),
                                  &alert.process_key(), &draft.dedup_scope}) {
    fmt::format_to(std::back_inserter(key), "{}:{}", part->size(), *part);
  }
  return key += static_cast<char>('0' + alert.severity());
}

void SetTime(absl::Time time, google::protobuf::Timestamp& out) {
  const int64_t ns = absl::ToUnixNanos(time);
  out.set_seconds(ns / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(ns % 1'000'000'000));
}

// What only the engine says about an alert.
void Stamp(v1::Alert& alert, std::string id, absl::Time now, uint64_t suppressed) {
  alert.set_id(std::move(id));
  alert.clear_sequence();
  SetTime(now, *alert.mutable_time());
  alert.set_state(v1::ALERT_STATE_OPEN);
  alert.clear_acknowledged_by();
  alert.clear_acknowledged_at();
  alert.clear_comment();
  alert.set_suppressed(suppressed);
}

}  // namespace

AlertEngine::AlertEngine(AlertEngineOptions options, storage::AlertStore& store, Outbox& outbox,
                         base::Clock& clock)
    : options_(options),
      store_(store),
      outbox_(outbox),
      clock_(clock),
      queue_(options.queue_bytes, clock),
      dedup_(options.dedup_keys) {}

void AlertEngine::Start() {
  thread_ = base::Thread("alert-engine", [this](const std::stop_token& stop) { Run(stop); });
}

void AlertEngine::Stop() {
  queue_.Close();
  thread_.StopAndJoin();
}

RaiseOutcome AlertEngine::Raise(AlertDraft draft) {
  BoundAlert(draft.alert);
  RaiseOutcome outcome = RaiseOutcome::kShed;
  {
    const MutexLock lock(mu_);
    outcome = TakeLocked(draft);
  }
  if (outcome != RaiseOutcome::kAccepted && draft.done) {
    draft.done(outcome == RaiseOutcome::kShed ? AlertFate::kShed : AlertFate::kHeldBack);
  }
  return outcome;
}

RaiseOutcome AlertEngine::TakeLocked(AlertDraft& draft) {
  const std::string key = DedupKey(draft);
  const base::Monotonic now = clock_.MonotonicNow();
  const v1::Severity severity = draft.alert.severity();
  const bool is_repeated = dedup_.IsOf(key, draft.id);
  if (!is_repeated && dedup_.HoldsBack(key, now, 1 + draft.suppressed)) {
    ++statistics_.suppressed;
    return RaiseOutcome::kSuppressed;
  }
  Stamp(draft.alert, draft.id.empty() ? event::NewUuid() : draft.id, clock_.Now(),
        draft.suppressed + dedup_.held_back(key));
  if (shed_untold_ > 0) TellShed(draft.alert, shed_untold_);
  const size_t bytes = draft.alert.ByteSizeLong();
  Queued queued{.alert = std::move(draft.alert),
                .has_own_id = !draft.id.empty(),
                .done = std::move(draft.done)};
  if (!queue_.TryPush(queued, bytes)) {
    draft.done = std::move(queued.done);
    ++statistics_.shed;
    ++shed_untold_;
    return RaiseOutcome::kShed;
  }
  shed_untold_ = 0;
  if (is_repeated) return RaiseOutcome::kAccepted;
  // Only now: an alert that was not taken holds back none.
  dedup_.Accept(key, draft.dedup_window.value_or(options_.dedup_window), now, draft.id);
  ++statistics_.accepted[severity];
  return RaiseOutcome::kAccepted;
}

void AlertEngine::TellShed(v1::Alert& alert, uint64_t count) {
  v1::Completeness& completeness = *alert.mutable_completeness();
  completeness.set_complete(false);
  completeness.add_reasons(
      fmt::format("{} alert{} before this one could not be taken: the queue of alerts was full",
                  count, count == 1 ? "" : "s"));
}

AlertStatistics AlertEngine::statistics() const {
  const MutexLock lock(mu_);
  AlertStatistics statistics = statistics_;
  statistics.queue_bytes = queue_.weight();
  statistics.queue_capacity_bytes = queue_.capacity();
  return statistics;
}

void AlertEngine::Run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mu_);
    stopping_.NotifyAll();
  });
  // Ends when the queue is closed and empty.
  while (!queue_.closed() || queue_.weight() > 0) {
    std::vector<Queued> alerts = Next();
    if (alerts.empty()) continue;
    const AlertFate fate = Store(alerts, stop);
    for (const Queued& alert : alerts) {
      if (alert.done) alert.done(fate);
    }
  }
}

std::vector<AlertEngine::Queued> AlertEngine::Next() {
  std::vector<Queued> alerts;
  std::optional<Queued> alert = queue_.PopBefore(clock_.MonotonicNow() + absl::Hours(1));
  while (alert.has_value()) {
    alerts.push_back(*std::move(alert));
    if (alerts.size() == kMaxBatch) break;
    alert = queue_.PopBefore(clock_.MonotonicNow());  // only what is there
  }
  return alerts;
}

AlertFate AlertEngine::Store(std::vector<Queued>& alerts, const std::stop_token& stop) {
  std::vector<storage::AlertToStore> to_store;
  for (Queued& queued : alerts) {
    to_store.push_back(
        {.alert = &queued.alert, .sinks = outbox_.SinksFor(queued.alert.severity())});
  }
  absl::Duration backoff = kFirstBackoff;
  while (true) {
    const absl::Status status = store_.AppendAll(to_store, clock_.Now());
    if (status.ok()) {
      OnStored(to_store, alerts);
      return AlertFate::kStored;
    }
    const MutexLock lock(mu_);
    statistics_.store_error =
        base::EscapeForTerminal(std::string_view(status.message().data(), status.message().size()));
    if (absl::IsInvalidArgument(status) || stop.stop_requested()) {
      statistics_.lost += alerts.size();
      return absl::IsInvalidArgument(status) ? AlertFate::kRefused : AlertFate::kShed;
    }
    const base::Monotonic until = clock_.MonotonicNow() + backoff;
    while (!stop.stop_requested() && clock_.MonotonicNow() < until) {
      clock_.WaitUntil(stopping_, mu_, until);
    }
    backoff = std::min(backoff * 2, kMaxBackoff);
  }
}

void AlertEngine::OnStored(std::span<const storage::AlertToStore> to_store,
                           std::span<const Queued> alerts) {
  {
    const MutexLock lock(mu_);
    for (const Queued& queued : alerts) {
      ++(queued.alert.sequence() != 0 ? statistics_.stored
         : queued.has_own_id          ? statistics_.repeated
                                      : statistics_.lost);
    }
    statistics_.store_error.clear();
  }
  for (const storage::AlertToStore& each : to_store) {
    if (each.alert->sequence() != 0) outbox_.Notify(each.sinks);
  }
  if (on_stored_) on_stored_();
}

}  // namespace daemoneye::alerting
