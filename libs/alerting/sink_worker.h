// SinkWorker: gives one sink its pending deliveries: in order, at least once.
//
// The first one that fails holds up those behind it and is tried again, 1 s later and then after
// twice as long each time, up to 60 s, with jitter. After five failures in a row the breaker is
// open, which its status says, until a delivery succeeds. A delivery that the sink refuses for
// good, or that fails when its alert is 24 h old, becomes a dead letter and the next one's turn
// comes.
//
// Lifecycle:  Start; Stop ends a delivery that is under way. What is pending stays in the store.
// Threads:    owns one, `sink-NAME`; all methods from any.
// Ownership:  owns the sink; borrows the store and the clock, which outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/time/time.h"
#include "libs/alerting/alert_sink.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/storage/alert_store.h"

namespace daemoneye::alerting {

struct SinkWorkerOptions {
  absl::Duration first_backoff = absl::Seconds(1);
  absl::Duration max_backoff = absl::Seconds(60);
  // A wait is shortened by up to this share of it, at random.
  double jitter_ratio = 0.2;
  absl::Duration dead_after = absl::Hours(24);
  uint32_t breaker_failures = 5;
  size_t max_batch = 64;
};

enum class BreakerState { kClosed, kOpen };

struct SinkStatus {
  std::string name;
  uint64_t pending = 0;
  // Deliveries since the start.
  uint64_t delivered = 0;
  uint64_t failed = 0;
  uint64_t dead = 0;
  BreakerState breaker = BreakerState::kClosed;
  uint32_t failures_in_a_row = 0;
  // Of the sink or of the store; empty when the last attempt went well.
  std::string last_error;
};

class SinkWorker {
 public:
  SinkWorker(std::string name, std::unique_ptr<AlertSink> sink, storage::AlertStore& store,
             base::Clock& clock, SinkWorkerOptions options);
  ~SinkWorker() { Stop(); }

  // `pending`: deliveries that the store has for it now.
  void Start(uint64_t pending);
  // More deliveries were stored, or are pending again.
  void Notify(uint64_t count = 1);
  void Reopen() { sink_->Reopen(); }
  // Waits until nothing is pending, a delivery has failed, or `deadline`.
  void AwaitIdle(base::Monotonic deadline);
  void Stop();

  const std::string& name() const { return name_; }
  SinkStatus status() const;

 private:
  void Run(std::stop_token stop);
  // Takes one turn; how long to wait before the next, infinite: until there is something new.
  absl::Duration Turn(const std::stop_token& stop);
  // Tells the store what was sent.
  absl::Status MarkSent();
  // Deliveries that are due now, from the first on.
  static std::vector<v1::Alert> Due(const std::vector<storage::Delivery>& pending, absl::Time now);
  absl::Duration Settle(const std::vector<storage::Delivery>& deliveries,
                        const DeliveryResult& result);
  absl::Duration Failed(const storage::Delivery& delivery, const absl::Status& why);
  // The store does not answer: tried again, like a sink.
  absl::Duration StoreFailed(const absl::Status& why);
  void Succeeded(uint64_t count);
  absl::Duration Backoff(uint32_t failures);

  const std::string name_;
  const std::unique_ptr<AlertSink> sink_;
  storage::AlertStore& store_;
  base::Clock& clock_;
  const SinkWorkerOptions options_;
  absl::BitGen random_;             // of the worker
  std::vector<uint64_t> unmarked_;  // of the worker: sent, and the store does not know yet
  uint32_t store_failures_ = 0;     // of the worker, in a row

  mutable base::Mutex mu_;
  base::CondVar changed_;
  SinkStatus status_ GUARDED_BY(mu_);
  bool has_news_ GUARDED_BY(mu_) = false;
  bool is_idle_ GUARDED_BY(mu_) = false;
  base::Thread thread_;
};

}  // namespace daemoneye::alerting
