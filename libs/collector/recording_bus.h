// RecordingBus: an EventBus that only keeps what is published, for tests of who publishes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/collector/intake.h"
#include "libs/event_bus/event_bus.h"

namespace daemoneye::collector {

// Threads: all methods from any.
class RecordingBus final : public event_bus::EventBus {
 public:
  const std::string& stream_id() const override { return stream_id_; }

  size_t Publish(event::EventList events) override {
    size_t positions = 0;
    base::MutexLock lock(mu_);
    ++entered_;
    changed_.NotifyAll();
    while (is_stalled_) changed_.Wait(mu_);
    batch_sizes_.push_back(events.size());
    for (event::Event& event : events) {
      if (event.has_loss()) {
        losses_.push_back(event.loss());
        continue;
      }
      IsSnapshot(event) ? ++snapshots_ : ++positions;
      events_.push_back(std::move(event));
    }
    changed_.NotifyAll();
    return positions;
  }

  size_t PublishFramed(event_bus::FramedEvents) override { return 0; }
  absl::StatusOr<std::unique_ptr<event_bus::Subscription>> Subscribe(
      event_bus::SubscribeOptions) override {
    return absl::UnimplementedError("a RecordingBus has no readers");
  }
  absl::StatusOr<event_bus::StateSnapshot> Snapshot(const v1::EventFilter&) const override {
    return event_bus::StateSnapshot();
  }
  void DropState(const std::string&) override {}
  event_bus::BusStatistics statistics() const override { return {}; }

  // While stalled, Publish blocks.
  void Stall(bool is_stalled) {
    base::MutexLock lock(mu_);
    is_stalled_ = is_stalled;
    changed_.NotifyAll();
  }
  // Blocks until Publish was entered `count` times.
  void AwaitEntered(size_t count) {
    base::MutexLock lock(mu_);
    while (entered_ < count) changed_.Wait(mu_);
  }
  // Blocks until `count` events that are no losses were published.
  void AwaitEvents(size_t count) {
    base::MutexLock lock(mu_);
    while (events_.size() < count) changed_.Wait(mu_);
  }
  void AwaitLosses(size_t count) {
    base::MutexLock lock(mu_);
    while (losses_.size() < count) changed_.Wait(mu_);
  }

  event::EventList events() const { return Get(&RecordingBus::events_); }
  std::vector<v1::LossEvent> losses() const { return Get(&RecordingBus::losses_); }
  std::vector<size_t> batch_sizes() const { return Get(&RecordingBus::batch_sizes_); }
  size_t snapshots() const { return Get(&RecordingBus::snapshots_); }

 private:
  template <typename T>
  T Get(T RecordingBus::* member) const {
    base::MutexLock lock(mu_);
    return this->*member;
  }

  const std::string stream_id_ = "00000000-0000-4000-8000-000000000000";
  mutable base::Mutex mu_;
  base::CondVar changed_;
  bool is_stalled_ GUARDED_BY(mu_) = false;
  size_t entered_ GUARDED_BY(mu_) = 0;
  size_t snapshots_ GUARDED_BY(mu_) = 0;
  event::EventList events_ GUARDED_BY(mu_);
  std::vector<v1::LossEvent> losses_ GUARDED_BY(mu_);
  std::vector<size_t> batch_sizes_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::collector
