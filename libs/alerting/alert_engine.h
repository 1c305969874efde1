// AlertEngine: takes alerts from triggers and workflows, holds back those that repeat, stores the
// others and hands them to the outbox and to whoever listens.
//
// Alike are alerts of one trigger or workflow, severity, host and process (and dedup_scope). An
// alert is in the store, with a delivery for each sink, before anything is sent; those that come
// together share a transaction. A store that fails is tried again, 1 s later and then after twice
// as long each time up to 60 s; meanwhile alerts wait in the queue. What the queue cannot take is
// shed: counted, and told as a reason for incompleteness in the next alert that it takes.
//
// An alert whose id the caller chose is stored once, however often it is raised: one that is raised
// again within its own window is not held back, but taken once more, and the store knows it.
//
// Lifecycle:  Start; Stop stores what is queued. Raise may come before Start; after Stop it sheds.
// Threads:    owns one, `alert-engine`; all methods from any.
// Ownership:  borrows store, outbox and clock, which outlive it.
// Cost:       Raise is a hash lookup and a push (alert_engine_benchmark); it never waits for the
//             store or for a sink.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/alerting/alert_draft.h"
#include "libs/alerting/deduplicator.h"
#include "libs/alerting/outbox.h"
#include "libs/base/bounded_queue.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/storage/alert_store.h"

namespace daemoneye::alerting {

enum class RaiseOutcome {
  kAccepted,
  kSuppressed,  // held back: like one that was raised a moment ago
  kShed,        // the queue is full, or the engine has stopped
};

struct AlertEngineOptions {
  absl::Duration dedup_window = absl::Seconds(300);
  // Keys that are remembered.
  size_t dedup_keys = 20'000;
  // Alerts that wait to be stored, serialised bytes.
  size_t queue_bytes = 32 << 20;
};

struct AlertStatistics {
  // By v1::Severity.
  std::array<uint64_t, v1::Severity_ARRAYSIZE> accepted{};
  uint64_t suppressed = 0;
  uint64_t shed = 0;
  // In the store.
  uint64_t stored = 0;
  // Raised again with the id of one that was taken before.
  uint64_t repeated = 0;
  // Accepted, and given up: the store refused them, or failed until the end.
  uint64_t lost = 0;
  size_t queue_bytes = 0;
  size_t queue_capacity_bytes = 0;
  // Why the store did not take the last alert; empty: it did.
  std::string store_error;
};

class AlertEngine {
 public:
  AlertEngine(AlertEngineOptions options, storage::AlertStore& store, Outbox& outbox,
              base::Clock& clock);
  ~AlertEngine() { Stop(); }

  void Start();
  void Stop();

  // Takes an alert; quick.
  RaiseOutcome Raise(AlertDraft draft);

  // Called after alerts were stored, by the engine's thread; quick. Before Start.
  void SetListener(std::function<void()> on_stored) { on_stored_ = std::move(on_stored); }

  AlertStatistics statistics() const;

 private:
  struct Queued {
    v1::Alert alert;
    // Of a caller that chose the id.
    bool has_own_id = false;
    std::function<void(AlertFate)> done;
  };

  RaiseOutcome TakeLocked(AlertDraft& draft) REQUIRES(mu_);
  void Run(const std::stop_token& stop);
  // The next alerts, as many as are there, waiting for one; empty: the queue is closed.
  std::vector<Queued> Next();
  // Tries until the store has them or gives them up, or until `stop`; what became of them.
  AlertFate Store(std::vector<Queued>& alerts, const std::stop_token& stop);
  // Counts what became of them, once the store took them, and tells the sinks.
  void OnStored(std::span<const storage::AlertToStore> to_store, std::span<const Queued> alerts);
  // Names what was shed before it. The alert is then complete no longer.
  static void TellShed(v1::Alert& alert, uint64_t count);

  const AlertEngineOptions options_;
  storage::AlertStore& store_;
  Outbox& outbox_;
  base::Clock& clock_;
  std::function<void()> on_stored_;
  base::BoundedQueue<Queued> queue_;

  mutable base::Mutex mu_;
  base::CondVar stopping_;
  Deduplicator dedup_ GUARDED_BY(mu_);
  AlertStatistics statistics_ GUARDED_BY(mu_);
  uint64_t shed_untold_ GUARDED_BY(mu_) = 0;
  base::Thread thread_;
};

}  // namespace daemoneye::alerting
