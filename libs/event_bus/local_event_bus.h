// LocalEventBus: the EventBus within one process.
//
// Publishing stamps and serialises under one mutex and appends to the ring under another that is
// held for moments; a reader takes references under the second and filters, parses and copies
// without any.
//
// Threads:    any. on_ready runs on the publisher's thread with no lock of the bus held; destroying
//             a Subscription waits for an on_ready of its own that is running, so do not hold then
//             what on_ready takes.
// Ownership:  borrows the clock. Outlives its subscriptions.
// Cost:       see event_bus_benchmark.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/event_bus/bus_core.h"
#include "libs/event_bus/event_bus.h"
#include "libs/event_bus/event_ring.h"
#include "libs/event_bus/live_state.h"

namespace daemoneye::event_bus {

struct LocalEventBusOptions {
  // Origin of events that have none.
  std::string monitor;
  std::string host;
  // UUID text; empty: a new one.
  std::string stream_id;
  // Bounds of the log: see EventRingOptions.
  size_t ring_bytes = 16 << 20;
  size_t ring_max_events = 0;
  size_t young_bytes = 512 << 10;
  // Bound of the current state.
  size_t state_bytes = 32 << 20;
  // Bound of what Ended() returns, which goes back a minute at most. 0: nothing.
  size_t ended_bytes = 0;
  size_t max_subscribers = 1000;
  // Filters with SQL, each a connection of its own.
  size_t max_sql_filters = 64;
};

class LocalEventBus final : public EventBus {
 public:
  LocalEventBus(LocalEventBusOptions options, base::Clock& clock);
  ~LocalEventBus() override;

  const std::string& stream_id() const override { return options_.stream_id; }
  size_t Publish(event::EventList events) override;
  size_t PublishFramed(FramedEvents events) override;
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(SubscribeOptions options) override;
  absl::StatusOr<StateSnapshot> Snapshot(const v1::EventFilter& filter) const override;
  std::vector<EndedSubject> Ended() const override;
  void DropState(const std::string& stream_id) override;
  BusStatistics statistics() const override;

 private:
  // What publishing leaves to be done without a lock.
  struct Aftermath;

  // One event on its way into the log. `raw`: its serialised form, fit to be patched; empty: it is
  // to be serialised.
  struct Entrant {
    event::Event* event = nullptr;
    std::string_view raw;
    size_t bytes = 0;
  };

  // `raw`: as many as `events`, each fit to be patched or empty; or none at all.
  size_t Enter(event::EventList& events, const std::vector<std::string_view>& raw,
               Aftermath& aftermath) REQUIRES(publish_mu_);
  // Makes one batch of entrants from `first` on and returns how many it took.
  size_t EnterBatch(size_t first, event::EventList& events, Aftermath& aftermath)
      REQUIRES(publish_mu_);
  // Makes the frames themselves the batch.
  size_t EnterWhole(FramedEvents& events, const std::vector<std::string_view>& raw,
                    Aftermath& aftermath) REQUIRES(publish_mu_);
  void Stamp(event::Event& event, uint64_t sequence) REQUIRES(publish_mu_);
  void StampOrigin(event::Event& event, uint64_t sequence) const;
  void TakeSnapshotEvent(event::Event& event) REQUIRES(publish_mu_);
  void Append(std::shared_ptr<const EventBatch> batch, Aftermath& aftermath) REQUIRES(publish_mu_);

  const LocalEventBusOptions options_;
  const size_t max_batch_bytes_;
  BusCore core_;
  std::shared_ptr<ParsedForms> forms_;  // the ring's

  mutable base::Mutex publish_mu_;  // taken before core_.mu
  uint64_t next_sequence_ GUARDED_BY(publish_mu_) = 1;
  mutable LiveState state_ GUARDED_BY(publish_mu_);
  std::vector<Entrant> entrants_ GUARDED_BY(publish_mu_);  // scratch
  std::string scratch_ GUARDED_BY(publish_mu_);
};

}  // namespace daemoneye::event_bus
