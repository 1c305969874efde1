#include "libs/alerting/outbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"

namespace daemoneye::alerting {

using base::MutexLock;

absl::Status Outbox::SetSinks(std::vector<SinkSpec> specs) {
  std::vector<std::string> names;
  for (const SinkSpec& spec : specs) names.push_back(spec.name);
  const absl::Status answer = store_.range().status();
  // A store that does not answer changes nothing. At the start, though, a full disk is no reason to
  // do without sinks: the workers ask until it answers.
  const bool may_wait = absl::IsResourceExhausted(answer) && slots().empty();
  if (!may_wait) RETURN_IF_ERROR(answer);
  Stop(absl::ZeroDuration());
  if (!may_wait) RETURN_IF_ERROR(store_.DropOtherSinks(names).status());
  std::vector<Slot> slots;
  std::vector<uint64_t> pending;
  for (SinkSpec& spec : specs) {
    if (spec.replay_dead && !may_wait) {
      RETURN_IF_ERROR(store_.ReplayDead(spec.name, "", clock_.Now()).status());
    }
    slots.push_back(
        {spec.minimum_severity,
         std::make_shared<SinkWorker>(spec.name, std::move(spec.sink), store_, clock_, options_)});
  }
  for (const Slot& slot : slots) {
    const auto outbox = store_.Outbox(slot.worker->name());
    pending.push_back(outbox.ok() ? outbox->pending : 0);
  }
  {
    // Before they start: what is stored from now on is told to these.
    const MutexLock lock(mu_);
    slots_ = slots;
  }
  for (size_t i = 0; i < slots.size(); ++i) slots[i].worker->Start(pending[i]);
  return absl::OkStatus();
}

std::vector<Outbox::Slot> Outbox::slots() const {
  const MutexLock lock(mu_);
  return slots_;
}

std::vector<std::string> Outbox::SinksFor(v1::Severity severity) const {
  std::vector<std::string> names;
  const MutexLock lock(mu_);
  for (const Slot& slot : slots_) {
    if (severity >= slot.minimum_severity) names.push_back(slot.worker->name());
  }
  return names;
}

void Outbox::Notify(const std::vector<std::string>& sinks) {
  for (const Slot& slot : slots()) {
    if (std::ranges::find(sinks, slot.worker->name()) != sinks.end()) slot.worker->Notify();
  }
}

absl::StatusOr<uint64_t> Outbox::Replay(std::string_view sink, std::string_view alert_id) {
  const std::vector<Slot> all = slots();
  std::vector<std::string> names;
  uint64_t replayed = 0;
  bool is_known = sink.empty();
  for (const Slot& slot : all) {
    const std::string& name = slot.worker->name();
    names.push_back(name);
    if (!sink.empty() && name != sink) continue;
    is_known = true;
    ASSIGN_OR_RETURN(const uint64_t count, store_.ReplayDead(name, alert_id, clock_.Now()));
    if (count > 0) slot.worker->Notify(count);
    replayed += count;
  }
  if (!is_known) {
    return absl::NotFoundError(
        fmt::format("sink: there is no {}; there {} {}", base::EscapeForTerminal(sink),
                    names.size() == 1 ? "is" : "are",
                    names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }
  if (replayed == 0 && !alert_id.empty()) {
    return absl::NotFoundError(
        fmt::format("alert_id: no dead letter of {}", base::EscapeForTerminal(alert_id)));
  }
  return replayed;
}

void Outbox::Reopen() {
  for (const Slot& slot : slots()) slot.worker->Reopen();
}

void Outbox::Stop(absl::Duration grace) {
  using base::operator+;
  const base::Monotonic deadline = clock_.MonotonicNow() + grace;
  const std::vector<Slot> stopping = slots();
  for (const Slot& slot : stopping) {
    if (grace > absl::ZeroDuration()) slot.worker->AwaitIdle(deadline);
  }
  for (const Slot& slot : stopping) slot.worker->Stop();
}

std::vector<SinkStatus> Outbox::statuses() const {
  std::vector<SinkStatus> statuses;
  for (const Slot& slot : slots()) statuses.push_back(slot.worker->status());
  return statuses;
}

}  // namespace daemoneye::alerting
