#include "libs/event_bus/replaying_subscription.h"

#include <algorithm>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/event_bus/event_frame.h"

namespace daemoneye::event_bus {

absl::StatusOr<std::unique_ptr<Subscription>> ReplayingSubscription::Create(
    EventBus& bus, const LogHistory& history, SubscribeOptions options) {
  ASSIGN_OR_RETURN(EventSelector selector, EventSelector::Create(options.filter));
  return std::unique_ptr<Subscription>(
      new ReplayingSubscription(bus, history, std::move(options), std::move(selector)));
}

absl::Status ReplayingSubscription::GoLive() {
  options_.from_sequence = position_;
  ASSIGN_OR_RETURN(live_, bus_.Subscribe(options_));
  return absl::OkStatus();
}

absl::StatusOr<Delivery> ReplayingSubscription::Poll(const DeliveryLimits& limits) {
  if (live_ == nullptr && position_ >= bus_.statistics().oldest_sequence) {
    RETURN_IF_ERROR(GoLive());
  }
  if (live_ != nullptr) return live_->Poll(limits);
  ASSIGN_OR_RETURN(std::vector<LogHistory::Position> positions,
                   history_.Read(position_ - 1, limits.max_events, limits.max_bytes));
  if (positions.empty()) {
    // The ring's own rule tells what lies before its oldest.
    RETURN_IF_ERROR(GoLive());
    return live_->Poll(limits);
  }
  Delivery delivery;
  const uint64_t oldest = bus_.statistics().oldest_sequence;
  if (positions.front().sequence > position_ && position_ < oldest) {
    const uint64_t next = std::min(positions.front().sequence, oldest);
    delivery.missed = MissedRange{.first_sequence = position_, .last_sequence = next - 1};
    replayed_.dropped += next - position_;
    position_ = next;
    // What the ring holds by now needs no store.
    if (next != positions.front().sequence) positions.clear();
  }
  size_t run = 0;
  while (run < positions.size() && positions[run].sequence == position_ + run) ++run;
  positions.resize(run);
  Select(std::move(positions), delivery);
  delivery.position = position_ - 1;
  return delivery;
}

void ReplayingSubscription::Select(std::vector<LogHistory::Position> positions,
                                   Delivery& delivery) {
  if (positions.empty()) return;
  std::string frames;
  std::vector<uint32_t> offsets;
  std::vector<EventTraits> traits;
  auto parsed = std::make_shared<event::EventList>(positions.size());
  for (size_t i = 0; i < positions.size(); ++i) {
    const std::string& bytes = positions[i].bytes;
    offsets.push_back(static_cast<uint32_t>(frames.size()));
    const size_t head = FrameHeadBytes(bytes.size());
    frames.resize(frames.size() + head);
    WriteFrameHead(bytes.size(), frames.data() + frames.size() - head);
    frames += bytes;
    // What a store holds was parsed before; what does not parse now has no traits, so no filter
    // passes it.
    if (!(*parsed)[i].ParseFromString(bytes)) (*parsed)[i].Clear();
    traits.push_back(TraitsOf((*parsed)[i]));
  }
  const auto batch = std::make_shared<const EventBatch>(
      position_, std::move(frames), std::move(offsets), std::move(traits), std::move(parsed));
  std::vector<uint8_t> passes;
  selector_.Select(*batch, 0, batch->size(), passes);
  for (uint32_t i = 0; i < batch->size(); ++i) {
    if (passes[i] == 0) {
      ++replayed_.filtered;
      continue;
    }
    ++replayed_.delivered;
    ++delivery.event_count;
    delivery.byte_count += batch->frames(i, 1).size();
    BatchSpan* last = delivery.spans.empty() ? nullptr : &delivery.spans.back();
    if (last != nullptr && last->first + last->count == i) {
      ++last->count;
    } else {
      delivery.spans.push_back({batch, i, 1});
    }
  }
  selector_.Forget();
  position_ += batch->size();
}

absl::StatusOr<Delivery> ReplayingSubscription::Next(const DeliveryLimits& limits,
                                                     base::Monotonic deadline) {
  while (live_ == nullptr) {
    ASSIGN_OR_RETURN(Delivery delivery, Poll(limits));
    if (delivery.event_count > 0 || delivery.missed || delivery.caught_up) return delivery;
  }
  return live_->Next(limits, deadline);
}

SubscriberStatistics ReplayingSubscription::statistics() const {
  if (live_ == nullptr) {
    SubscriberStatistics statistics = replayed_;
    statistics.client_id = options_.client_id;
    return statistics;
  }
  SubscriberStatistics statistics = live_->statistics();
  statistics.delivered += replayed_.delivered;
  statistics.filtered += replayed_.filtered;
  statistics.dropped += replayed_.dropped;
  return statistics;
}

}  // namespace daemoneye::event_bus
