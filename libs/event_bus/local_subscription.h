// LocalSubscription: a cursor over a LocalEventBus's ring with a filter of its own.
//
// Threads:    as Subscription; its counters are guarded by the ring's mutex, so that statistics()
//             adds up at any moment.
// Cost:       two short holds of the ring's mutex a Poll, whatever it delivers; no search.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "libs/event_bus/bus_core.h"
#include "libs/event_bus/event_bus.h"
#include "libs/event_bus/event_selector.h"

namespace daemoneye::event_bus {

class LocalSubscription final : public Subscription {
 public:
  // InvalidArgument: client_id or from_sequence. ResourceExhausted: max_subscribers, or
  // max_sql_filters.
  static absl::StatusOr<std::unique_ptr<LocalSubscription>> Create(BusCore& core,
                                                                   EventSelector selector,
                                                                   SubscribeOptions options,
                                                                   size_t max_subscribers,
                                                                   size_t max_sql_filters);
  ~LocalSubscription() override;

  absl::StatusOr<Delivery> Poll(const DeliveryLimits& limits) override;
  absl::StatusOr<Delivery> Next(const DeliveryLimits& limits, base::Monotonic deadline) override;
  bool Arm() override { return ArmFor(1); }
  bool ArmFor(uint64_t positions) override;
  uint64_t next_sequence() const override;
  SubscriberStatistics statistics() const override;

  SubscriberStatistics StatisticsLocked() const REQUIRES(core_.mu);
  // Tells Clang's analysis that the bus's lock, which the caller holds, is this one's too.
  void AssertLocked() const ASSERT_EXCLUSIVE_LOCK(core_.mu) {}
  // Whether events of these classes, just appended, are worth the wake-up that was asked for.
  bool IsDueLocked(const ClassMask& appended) const REQUIRES(core_.mu) {
    return (selector_.possible() & appended).any() && IsReadableLocked(wanted_positions_);
  }
  const std::shared_ptr<WakeUp>& wake_up() const { return wake_up_; }

 private:
  LocalSubscription(BusCore& core, EventSelector selector, SubscribeOptions options);

  void BeginLocked(std::optional<uint64_t> from_sequence) REQUIRES(core_.mu);
  bool IsReadableLocked(uint64_t positions) const REQUIRES(core_.mu);
  // Moves a cursor that the ring left behind to the oldest event.
  absl::Status CatchUpLocked(std::optional<MissedRange>& missed) REQUIRES(core_.mu);
  void TakeBatchesLocked() REQUIRES(core_.mu);
  // Reads the batches taken into `delivery`; returns how many it read to the end.
  size_t ReadBatches(const DeliveryLimits& limits, Delivery& delivery);
  // Reads on in `batch`; false when a limit ended it.
  bool ReadRun(const std::shared_ptr<const EventBatch>& batch, const DeliveryLimits& limits,
               Delivery& delivery);

  BusCore& core_;
  EventSelector selector_;
  const SubscribeOptions options_;
  const std::shared_ptr<WakeUp> wake_up_ = std::make_shared<WakeUp>();

  // The cursor: the next event to look at, and the batch it is or will be in.
  uint64_t position_ GUARDED_BY(core_.mu) = 1;
  uint64_t batch_id_ GUARDED_BY(core_.mu) = 0;
  bool is_registered_ GUARDED_BY(core_.mu) = false;
  uint64_t wanted_positions_ GUARDED_BY(core_.mu) = 1;  // of the last Arm
  std::optional<MissedRange> initial_gap_ GUARDED_BY(core_.mu);
  absl::Status failure_ GUARDED_BY(core_.mu);
  uint64_t first_sequence_ GUARDED_BY(core_.mu) = 1;
  uint64_t delivered_ GUARDED_BY(core_.mu) = 0;
  uint64_t filtered_ GUARDED_BY(core_.mu) = 0;
  uint64_t dropped_ GUARDED_BY(core_.mu) = 0;
  uint64_t failed_events_ GUARDED_BY(core_.mu) = 0;

  // Of the reading thread.
  ClassCounts passed_by_{};  // events of the log before position_, by class
  std::vector<std::shared_ptr<const EventBatch>> taken_;
  std::vector<uint8_t> passes_;
};

}  // namespace daemoneye::event_bus
