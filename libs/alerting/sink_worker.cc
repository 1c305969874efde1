#include "libs/alerting/sink_worker.h"

#include <algorithm>
#include <utility>

#include "libs/base/text.h"

namespace daemoneye::alerting {
namespace {

using base::MutexLock;
using base::operator+;

constexpr size_t kMaxErrorBytes = 512;
// Sent while the store could not be told: they are not sent again as long as the process lives.
constexpr size_t kMaxUnmarked = 1024;

std::string ErrorText(const absl::Status& status) {
  const std::string text =
      base::EscapeForTerminal(std::string_view(status.message().data(), status.message().size()));
  return std::string(base::Utf8Prefix(text, kMaxErrorBytes));
}

}  // namespace

SinkWorker::SinkWorker(std::string name, std::unique_ptr<AlertSink> sink,
                       storage::AlertStore& store, base::Clock& clock, SinkWorkerOptions options)
    : name_(std::move(name)),
      sink_(std::move(sink)),
      store_(store),
      clock_(clock),
      options_(options) {
  const MutexLock lock(mu_);
  status_.name = name_;
}

void SinkWorker::Start(uint64_t pending) {
  {
    const MutexLock lock(mu_);
    status_.pending += pending;
  }
  thread_ = base::Thread("sink-" + name_, [this](std::stop_token stop) { Run(std::move(stop)); });
}

void SinkWorker::Notify(uint64_t count) {
  const MutexLock lock(mu_);
  status_.pending += count;
  has_news_ = true;
  is_idle_ = false;
  changed_.NotifyAll();
}

void SinkWorker::AwaitIdle(base::Monotonic deadline) {
  const MutexLock lock(mu_);
  while (thread_.joinable() && !is_idle_ && clock_.MonotonicNow() < deadline) {
    clock_.WaitUntil(changed_, mu_, deadline);
  }
}

void SinkWorker::Stop() { thread_.StopAndJoin(); }

SinkStatus SinkWorker::status() const {
  const MutexLock lock(mu_);
  return status_;
}

void SinkWorker::Run(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mu_);
    changed_.NotifyAll();
  });
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mu_);
      has_news_ = false;
      is_idle_ = false;
    }
    const absl::Duration wait = Turn(stop);
    if (wait == absl::ZeroDuration()) continue;
    const bool is_waiting_for_news = wait == absl::InfiniteDuration();
    const base::Monotonic until =
        clock_.MonotonicNow() + (is_waiting_for_news ? absl::Hours(1) : wait);
    const MutexLock lock(mu_);
    is_idle_ = !(is_waiting_for_news && has_news_);
    changed_.NotifyAll();
    // What is new does not shorten a backoff: it has to wait behind what failed.
    while (!stop.stop_requested() && !(is_waiting_for_news && has_news_) &&
           clock_.MonotonicNow() < until) {
      clock_.WaitUntil(changed_, mu_, until);
    }
  }
  MarkSent().IgnoreError();  // sent again after the next start, then
  const MutexLock lock(mu_);
  is_idle_ = true;
  changed_.NotifyAll();
}

absl::Status SinkWorker::MarkSent() {
  size_t marked = 0;
  absl::Status status;
  for (; marked < unmarked_.size(); ++marked) {
    status = store_.MarkDelivered(name_, unmarked_[marked]);
    if (!status.ok() && !absl::IsNotFound(status)) break;
    status = absl::OkStatus();
  }
  unmarked_.erase(unmarked_.begin(), unmarked_.begin() + static_cast<ptrdiff_t>(marked));
  return status;
}

absl::Duration SinkWorker::Turn(const std::stop_token& stop) {
  const absl::Status marked = MarkSent();
  if (!marked.ok() && unmarked_.size() >= kMaxUnmarked) return StoreFailed(marked);
  absl::StatusOr<std::vector<storage::Delivery>> pending =
      store_.Pending(name_, options_.max_batch + unmarked_.size());
  if (!pending.ok()) return StoreFailed(pending.status());
  if (marked.ok()) store_failures_ = 0;
  std::erase_if(*pending, [&](const storage::Delivery& delivery) {
    return std::ranges::find(unmarked_, delivery.alert.sequence()) != unmarked_.end();
  });
  if (pending->empty()) {
    if (!marked.ok()) return StoreFailed(marked);
    // The count may be off where sinks were exchanged while alerts came.
    const MutexLock lock(mu_);
    if (!has_news_) status_.pending = 0;
    return absl::InfiniteDuration();
  }
  const absl::Time now = clock_.Now();
  const std::vector<v1::Alert> due = Due(*pending, now);
  if (due.empty()) {
    // Bounded, since the wall clock may have been set back.
    return std::min(pending->front().next_attempt - now, options_.max_backoff);
  }
  DeliveryResult result = sink_->Deliver(due, stop);
  if (result.delivered < due.size() && !stop.stop_requested() &&
      (absl::IsCancelled(result.status) || (result.status.ok() && result.delivered == 0))) {
    result.status = absl::InternalError("the sink gave up without a reason");
  }
  return Settle(*pending, result);
}

std::vector<v1::Alert> SinkWorker::Due(const std::vector<storage::Delivery>& pending,
                                       absl::Time now) {
  std::vector<v1::Alert> due;
  for (const storage::Delivery& delivery : pending) {
    if (delivery.next_attempt > now) break;
    due.push_back(delivery.alert);
  }
  return due;
}

absl::Duration SinkWorker::Settle(const std::vector<storage::Delivery>& deliveries,
                                  const DeliveryResult& result) {
  const size_t delivered = std::min(result.delivered, deliveries.size());
  for (size_t i = 0; i < delivered; ++i) unmarked_.push_back(deliveries[i].alert.sequence());
  if (delivered > 0) Succeeded(delivered);
  if (result.status.ok() || absl::IsCancelled(result.status) || delivered == deliveries.size()) {
    return absl::ZeroDuration();
  }
  return Failed(deliveries[delivered], result.status);
}

absl::Duration SinkWorker::Failed(const storage::Delivery& delivery, const absl::Status& why) {
  const std::string error = ErrorText(why);
  const absl::Time now = clock_.Now();
  const bool is_refused = absl::IsInvalidArgument(why);
  const bool is_dead = is_refused || now - delivery.created >= options_.dead_after;
  uint32_t failures;
  {
    const MutexLock lock(mu_);
    status_.last_error = error;
    ++status_.failed;
    // A sink that refuses one alert may well take the next.
    if (!is_refused) ++status_.failures_in_a_row;
    failures = status_.failures_in_a_row;
    if (failures >= options_.breaker_failures) status_.breaker = BreakerState::kOpen;
  }
  const absl::Duration wait =
      is_refused ? absl::ZeroDuration() : Backoff(std::max(failures, delivery.attempts + 1));
  const uint64_t sequence = delivery.alert.sequence();
  const absl::Status marked = is_dead ? store_.MarkDead(name_, sequence, error)
                                      : store_.MarkFailed(name_, sequence, now + wait, error);
  if (!marked.ok() && !absl::IsNotFound(marked)) return StoreFailed(marked);
  if (is_dead) {
    const MutexLock lock(mu_);
    ++status_.dead;
    if (status_.pending > 0) --status_.pending;
  }
  return wait;
}

absl::Duration SinkWorker::StoreFailed(const absl::Status& why) {
  const MutexLock lock(mu_);
  status_.last_error = "store: " + ErrorText(why);
  return Backoff(++store_failures_);
}

void SinkWorker::Succeeded(uint64_t count) {
  const MutexLock lock(mu_);
  status_.delivered += count;
  status_.pending -= std::min(status_.pending, count);
  status_.failures_in_a_row = 0;
  status_.breaker = BreakerState::kClosed;
  status_.last_error.clear();
}

absl::Duration SinkWorker::Backoff(uint32_t failures) {
  absl::Duration wait = options_.first_backoff;
  for (uint32_t i = 1; i < failures && wait < options_.max_backoff; ++i) wait *= 2;
  wait = std::min(wait, options_.max_backoff);
  return wait * (1 - absl::Uniform(random_, 0.0, 1.0) * options_.jitter_ratio);
}

}  // namespace daemoneye::alerting
