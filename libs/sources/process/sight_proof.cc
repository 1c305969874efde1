#include "libs/sources/process/sight_proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace daemoneye::process {
namespace {

using base::operator+;

// Whole seconds, as people read them.
std::string Seconds(absl::Duration duration) {
  return fmt::format("{} s", absl::ToInt64Seconds(duration + absl::Milliseconds(500)));
}

}  // namespace

void SightProof::Wake::Signal() {
  base::MutexLock lock(mu);
  is_woken = true;
  cv.NotifyAll();
}

SightProof::SightProof(const SightProofOptions& options, SightInputs inputs, base::Clock& clock)
    : options_(options),
      inputs_(std::move(inputs)),
      clock_(clock),
      wake_(std::make_shared<Wake>()),
      forks_(inputs_.kernel_tasks, [this]() -> std::optional<uint64_t> {
        const std::optional<SightCounts> counts = inputs_.counts();
        return counts.has_value() ? counts->task_count : std::nullopt;
      }) {}

SightProof::~SightProof() { Stop(); }

absl::Status SightProof::Prove() {
  fork_row_ = {};
  canary_row_ = {};
  forks_.Forget();
  forks_.Rebase();
  for (int i = 0; i < options_.misses_to_distrust; ++i) {
    if (SendCanary() != Flight::kMissed) return absl::OkStatus();
  }
  return absl::UnavailableError(
      fmt::format("{} sees nothing: of {} processes started to prove it none came back within {}",
                  inputs_.source, options_.misses_to_distrust, Seconds(options_.canary_patience)));
}

void SightProof::Start(Findings findings) {
  thread_ = base::Thread("sight-proof", [this, findings = std::move(findings)](
                                            const std::stop_token& stop) { Run(stop, findings); });
}

void SightProof::Stop() {
  if (!thread_.joinable()) return;
  thread_.StopAndJoin();
  static_cast<void>(statistics());  // a run's count goes with the run
  base::MutexLock lock(wake_->mu);
  wake_->is_stopped = false;
}

void SightProof::Run(const std::stop_token& stop, const Findings& findings) {
  const std::stop_callback wake(stop, [state = wake_] {
    base::MutexLock lock(state->mu);
    state->is_stopped = true;
    state->cv.NotifyAll();
  });
  absl::Status status;
  base::Monotonic next = clock_.MonotonicNow() + options_.interval;
  while (status.ok() && SleepUntil(next)) {
    status = CheckForks(findings);
    if (status.ok()) status = CheckCanary();
    next = std::max(next + options_.interval, clock_.MonotonicNow());
  }
  // What began since, while the source still runs: nobody else tells what it missed.
  CountForks(findings);
  if (!status.ok()) findings.distrust(std::move(status));
}

bool SightProof::SleepUntil(base::Monotonic then) {
  base::MutexLock lock(wake_->mu);
  while (!wake_->is_stopped && clock_.MonotonicNow() < then) {
    clock_.WaitUntil(wake_->cv, wake_->mu, then);
  }
  return !wake_->is_stopped;
}

std::optional<ForkCheck::Result> SightProof::CountForks(const Findings& findings) {
  static_cast<void>(statistics());
  std::optional<ForkCheck::Result> result = forks_.Look();
  for (int i = 0; i < options_.recounts && result.has_value() && result->unseen_count != 0; ++i) {
    // Stopped, it counts again without a pause.
    SleepUntil(clock_.MonotonicNow() + options_.recount_pause);
    result = forks_.Look();
  }
  forks_.Rebase();
  if (!result.has_value() || result->unseen_count == 0) return result;
  {
    base::MutexLock lock(mu_);
    ++statistics_.mismatches;
  }
  if (findings.unseen) findings.unseen(result->unseen_count);
  if (inputs_.on_unseen) inputs_.on_unseen();
  return result;
}

absl::Status SightProof::CheckForks(const Findings& findings) {
  const std::optional<ForkCheck::Result> result = CountForks(findings);
  if (!result.has_value()) return absl::OkStatus();
  if (result->unseen_count == 0) {
    fork_row_ = {};
    return absl::OkStatus();
  }
  if (fork_row_.misses++ == 0) fork_row_.since = clock_.MonotonicNow();
  fork_row_.begun_count += result->begun_count;
  fork_row_.seen_count += result->seen_count;
  if (fork_row_.misses < options_.misses_to_distrust) return absl::OkStatus();
  const absl::Duration since =
      base::Elapsed(fork_row_.since, clock_.MonotonicNow()) + options_.interval;
  return absl::UnavailableError(
      fmt::format("the kernel began {} processes and threads in {}, {} saw {} of them",
                  fork_row_.begun_count, Seconds(since), inputs_.source,
                  fork_row_.seen_count == 0 ? "none" : std::to_string(fork_row_.seen_count)));
}

absl::Status SightProof::CheckCanary() {
  switch (SendCanary()) {
    case Flight::kUnknown:
      return absl::OkStatus();
    case Flight::kSeen:
      canary_row_ = {};
      return absl::OkStatus();
    case Flight::kMissed:
      break;
  }
  if (++canary_row_.misses < options_.misses_to_distrust) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{} saw none of the last {} processes started to prove it sees, within {} each",
                  inputs_.source, canary_row_.misses, Seconds(options_.canary_patience)));
}

SightProof::Flight SightProof::SendCanary() {
  CanaryLine& line = inputs_.line;
  const std::optional<SightCounts> before = inputs_.counts();
  if (!line.is_open() || !before.has_value()) return Flight::kUnknown;
  const auto watch = line.Watch([state = wake_] { state->Signal(); });
  if (!watch.ok()) return Flight::kUnknown;
  const absl::StatusOr<SentCanary> canary = line.Spawn();
  if (!canary.ok()) return Flight::kUnknown;
  Flight flight = AwaitCanary(**watch, canary->pid, canary->start + options_.canary_patience);
  const absl::Duration taken = base::Elapsed(canary->start, clock_.MonotonicNow());
  line.Reap();
  if (flight == Flight::kMissed && (*watch)->has_progress()) {
    // Its record may be among those that there was no room for, which is told elsewhere.
    const std::optional<SightCounts> behind = inputs_.counts();
    if (!behind.has_value() || behind->lost_count != before->lost_count) flight = Flight::kUnknown;
  }
  {
    base::MutexLock lock(mu_);
    ++statistics_.canaries;
    if (flight == Flight::kMissed) ++statistics_.canary_misses;
  }
  if (flight == Flight::kSeen && inputs_.on_canary) inputs_.on_canary(taken);
  return flight;
}

SightProof::Flight SightProof::AwaitCanary(CanaryWatch& watch, uint32_t pid,
                                           base::Monotonic deadline) {
  while (true) {
    const absl::StatusOr<bool> has_come = watch.HasCome(pid);
    if (!has_come.ok()) return Flight::kUnknown;
    if (*has_come) return Flight::kSeen;
    base::MutexLock lock(wake_->mu);
    while (!wake_->is_woken && !wake_->is_stopped) {
      if (clock_.MonotonicNow() >= deadline) return Flight::kMissed;
      clock_.WaitUntil(wake_->cv, wake_->mu, deadline);
    }
    if (wake_->is_stopped) return Flight::kUnknown;
    wake_->is_woken = false;
  }
}

SightStatistics SightProof::statistics() {
  const std::optional<SightCounts> counts = inputs_.counts();
  base::MutexLock lock(mu_);
  if (counts.has_value() && counts->task_count.has_value()) {
    if (*counts->task_count < tasks_noted_) tasks_noted_ = 0;  // started again
    statistics_.tasks_seen +=
        *counts->task_count - std::exchange(tasks_noted_, *counts->task_count);
  }
  return statistics_;
}

}  // namespace daemoneye::process
