// FakeSink: an AlertSink whose answers a test gives, and that remembers what it was given.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libs/alerting/alert_sink.h"
#include "libs/base/mutex.h"

namespace daemoneye::alerting {

// What became of alerts, outliving the sink. Threads: all methods from any.
class SinkRecord {
 public:
  // Why the next attempt fails; Ok: it does not. Called with the alert and the attempt's number.
  using Answer = std::function<absl::Status(const v1::Alert&, int attempt)>;

  explicit SinkRecord(Answer answer = [](const v1::Alert&, int) { return absl::OkStatus(); })
      : answer_(std::move(answer)) {}

  absl::Status Take(const v1::Alert& alert) {
    const base::MutexLock lock(mu_);
    const absl::Status status = answer_(alert, ++attempts_);
    if (status.ok()) taken_.push_back(alert.title());
    changed_.NotifyAll();
    return status;
  }
  std::vector<std::string> taken() const {
    const base::MutexLock lock(mu_);
    return taken_;
  }
  int attempts() const {
    const base::MutexLock lock(mu_);
    return attempts_;
  }
  // Blocks until there were so many.
  std::vector<std::string> AwaitTaken(size_t count) const {
    const base::MutexLock lock(mu_);
    while (taken_.size() < count) changed_.Wait(mu_);
    return taken_;
  }
  void AwaitAttempts(int count) const {
    const base::MutexLock lock(mu_);
    while (attempts_ < count) changed_.Wait(mu_);
  }

 private:
  mutable base::Mutex mu_;
  mutable base::CondVar changed_;
  Answer answer_ GUARDED_BY(mu_);
  int attempts_ GUARDED_BY(mu_) = 0;
  std::vector<std::string> taken_ GUARDED_BY(mu_);
};

class FakeSink final : public AlertSink {
 public:
  // `record` outlives the sink.
  explicit FakeSink(SinkRecord& record) : record_(record) {}

  DeliveryResult Deliver(std::span<const v1::Alert> alerts, std::stop_token /*stop*/) override {
    DeliveryResult result;
    for (const v1::Alert& alert : alerts) {
      result.status = record_.Take(alert);
      if (!result.status.ok()) return result;
      ++result.delivered;
    }
    return result;
  }

 private:
  SinkRecord& record_;
};

}  // namespace daemoneye::alerting
