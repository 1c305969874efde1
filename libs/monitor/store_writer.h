// StoreWriter: keeps the events of a bus in a store: a cursor like any other, a transaction a
// batch.
//
// Never holds up who publishes. While the store cannot be written (a full disk) it holds its place
// and tries again; what falls out of the ring meanwhile is counted as missed and told. Also prunes
// the store now and then.
//
// Lifecycle:  Start once, Stop any number of times; Stop stores what the bus holds, within a limit.
// Threads:    owns one; all methods from any.
// Ownership:  borrows the bus, the store and the clock, which outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/event_bus/event_bus.h"
#include "libs/storage/store.h"

namespace daemoneye::monitor {

struct StoreWriterOptions {
  storage::RetentionPolicy retention;
  absl::Duration prune_interval = absl::Seconds(10);
  // What comes this soon behind an event shares its transaction.
  absl::Duration linger = absl::Milliseconds(10);
  size_t max_batch_events = 4096;
  // After a failed write: doubled each time.
  absl::Duration min_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(5);
  // For what the bus still holds at the end. What is left, a gateway asks its monitors for again.
  absl::Duration stop_limit = absl::Milliseconds(250);
  // Marks that may be stored once the log is stored up to a position. May be empty.
  std::function<std::vector<storage::LogMark>(uint64_t stored_up_to)> take_marks;
  // Positions went by that are not in the store. May be empty.
  std::function<void(const event_bus::MissedRange&)> on_missed;
  // The store began to fail, or works again (Ok). May be empty.
  std::function<void(const absl::Status&)> on_health;
  // Of each transaction. May be empty.
  std::function<void(absl::Duration)> observe_write;
};

struct StoreWriterStatistics {
  uint64_t stored = 0;
  uint64_t duplicates = 0;
  // Positions that the ring lost before they were stored.
  uint64_t missed = 0;
  // Events without an origin: nothing could find them again.
  uint64_t refused = 0;
  uint64_t failed_writes = 0;
  uint64_t pruned = 0;
  // Last position that was looked at and stored.
  uint64_t position = 0;
};

class StoreWriter {
 public:
  StoreWriter(event_bus::EventBus& bus, storage::Store& store, base::Clock& clock,
              StoreWriterOptions options);
  ~StoreWriter() { Stop(); }

  // From the oldest event that the bus holds. ResourceExhausted: the bus has no room for a cursor.
  absl::Status Start();
  void Stop();

  // Ok, or why nothing can be stored now.
  absl::Status health() const;
  StoreWriterStatistics statistics() const;

 private:
  void Run(std::stop_token stop);
  // Until there is something to read, to prune, or `stop` asks.
  void Wait(const std::stop_token& stop);
  void Wake();
  // What is left at the end, as far as the limit allows.
  void Drain();
  // Tries until it is stored or `stop` asks; false when it is not.
  bool StoreAll(const event_bus::Delivery& delivery, std::stop_token stop);
  absl::Status Store(const event_bus::Delivery& delivery);
  void Tell(const event_bus::Delivery& delivery);
  void SetHealth(const absl::Status& status);
  void PruneWhenDue();

  event_bus::EventBus& bus_;
  storage::Store& store_;
  base::Clock& clock_;
  const StoreWriterOptions options_;

  // Of the thread alone.
  std::unique_ptr<event_bus::Subscription> subscription_;
  base::Monotonic prune_at_;
  absl::Status pruned_;

  mutable base::Mutex mu_;
  absl::Status health_ GUARDED_BY(mu_);
  StoreWriterStatistics statistics_ GUARDED_BY(mu_);
  bool has_events_ GUARDED_BY(mu_) = false;
  base::CondVar changed_;

  base::Thread thread_;
};

}  // namespace daemoneye::monitor
