#include "libs/sources/process/live_feed.h"

#include <utility>

namespace daemoneye::process {

void LiveFeed::Begin(uint64_t since_ticks, std::function<void()> wake) {
  {
    base::MutexLock lock(mu_);
    is_live_ = true;
    since_ticks_ = since_ticks;
    wake_ = std::move(wake);
  }
  RequestScan();
}

void LiveFeed::End(uint64_t now_ticks) {
  {
    base::MutexLock lock(mu_);
    if (!std::exchange(is_live_, false)) return;
    until_ticks_ = now_ticks;
    wake_ = nullptr;
    answered_cv_.NotifyAll();
  }
  RequestScan();
}

uint64_t LiveFeed::asked() const {
  base::MutexLock lock(mu_);
  return asked_;
}

void LiveFeed::Answer(uint64_t asked) {
  base::MutexLock lock(mu_);
  if (answered_ == asked) return;
  answered_ = asked;
  answered_cv_.NotifyAll();
}

void LiveFeed::RequestScan() {
  base::MutexLock lock(mu_);
  if (on_scan_wanted_) on_scan_wanted_();
}

std::optional<uint64_t> LiveFeed::live_since() const {
  base::MutexLock lock(mu_);
  if (!is_live_) return std::nullopt;
  return since_ticks_;
}

uint64_t LiveFeed::told_until() const {
  base::MutexLock lock(mu_);
  return until_ticks_;
}

bool LiveFeed::AwaitDrained(base::Monotonic deadline) {
  base::MutexLock lock(mu_);
  const uint64_t awaited = ++asked_;
  if (wake_) wake_();
  while (is_live_ && answered_ < awaited && clock_.MonotonicNow() < deadline) {
    clock_.WaitUntil(answered_cv_, mu_, deadline);
  }
  return is_live_ && answered_ >= awaited;
}

void LiveFeed::SetOnScanWanted(std::function<void()> request) {
  base::MutexLock lock(mu_);
  on_scan_wanted_ = std::move(request);
}

}  // namespace daemoneye::process
