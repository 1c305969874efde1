// ReplayingSubscription: a cursor that begins before the ring's oldest event: it reads what a store
// kept until the ring takes over, and is the bus's own cursor from there.
//
// What neither holds is reported as missed, in its place.
//
// Threads:    as Subscription.
// Ownership:  borrows the bus and the history, which outlive it.
// Cost:       Poll reads the store while it replays: some hundred events, 1 µs each.
#pragma once

#include <memory>
#include <optional>

#include "libs/event_bus/event_bus.h"
#include "libs/event_bus/event_selector.h"
#include "libs/event_bus/log_history.h"

namespace daemoneye::event_bus {

class ReplayingSubscription final : public Subscription {
 public:
  // `options.from_sequence` is set. InvalidArgument: the filter, naming the field.
  static absl::StatusOr<std::unique_ptr<Subscription>> Create(EventBus& bus,
                                                              const LogHistory& history,
                                                              SubscribeOptions options);

  absl::StatusOr<Delivery> Poll(const DeliveryLimits& limits) override;
  absl::StatusOr<Delivery> Next(const DeliveryLimits& limits, base::Monotonic deadline) override;
  bool Arm() override { return ArmFor(1); }
  bool ArmFor(uint64_t positions) override { return live_ != nullptr && live_->ArmFor(positions); }
  uint64_t next_sequence() const override {
    return live_ != nullptr ? live_->next_sequence() : position_;
  }
  SubscriberStatistics statistics() const override;

 private:
  ReplayingSubscription(EventBus& bus, const LogHistory& history, SubscribeOptions options,
                        EventSelector selector)
      : bus_(bus),
        history_(history),
        options_(std::move(options)),
        selector_(std::move(selector)),
        position_(*options_.from_sequence) {}

  // Becomes the bus's own cursor at position_.
  absl::Status GoLive();
  // Selects among `positions`, which follow each other, into `delivery`.
  void Select(std::vector<LogHistory::Position> positions, Delivery& delivery);

  EventBus& bus_;
  const LogHistory& history_;
  SubscribeOptions options_;
  EventSelector selector_;
  // The next to look at, while it replays.
  uint64_t position_;
  SubscriberStatistics replayed_;
  std::unique_ptr<Subscription> live_;
};

}  // namespace daemoneye::event_bus
