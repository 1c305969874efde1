#include "tools/bench/feed_server.h"

#include <unistd.h>

#include <cstdint>
#include <deque>
#include <sstream>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "fmt/format.h"
#include "libs/event/event_builder.h"
#include "libs/event_bus/local_event_bus.h"
#include "tools/bench/bench_monitor.h"
#include "tools/bench/samples.h"

namespace daemoneye::bench {
namespace {

constexpr absl::Duration kStep = absl::Milliseconds(20);
constexpr int kStepsASecond = 50;
constexpr size_t kAlarmingProcesses = 20;

// What a host does that starts and ends processes all the time.
class Host {
 public:
  event::Event Next(absl::Time now) {
    const uint64_t turn = turn_++ % 10;
    if (turn == 0) return Event(v1::PROCESS_ACTION_START, newest_++, now);
    // The oldest ends when there are enough.
    if (turn == 1 && newest_ - oldest_ > kFeedProcesses) {
      return Event(v1::PROCESS_ACTION_STOP, oldest_++, now);
    }
    if (sampled_ < oldest_ || sampled_ >= newest_) sampled_ = oldest_;
    return Event(v1::PROCESS_ACTION_SAMPLE, sampled_++, now);
  }
  // A process that alarms; of those before it, the oldest ends when there are some.
  void Alarm(absl::Time now, event::EventList* events) {
    alarms_.push_back(fmt::format("{}{}", kAlarmingKey, absl::ToUnixNanos(now)));
    events->push_back(AlarmEvent(v1::PROCESS_ACTION_START, alarms_.back(), now));
    if (alarms_.size() <= kAlarmingProcesses) return;
    events->push_back(AlarmEvent(v1::PROCESS_ACTION_STOP, alarms_.front(), now));
    alarms_.pop_front();
  }

 private:
  static event::Event AlarmEvent(v1::ProcessAction action, const std::string& key, absl::Time now) {
    event::Event event = Event(action, 1, now);
    event.mutable_process()->set_process_key(key);
    if (action == v1::PROCESS_ACTION_START) event.mutable_process()->set_name(kAlarmingName);
    return event;
  }
  static event::Event Event(v1::ProcessAction action, uint32_t pid, absl::Time now) {
    event::Event event = SampleEvent(pid);
    event::SetTime(now, event.mutable_event_time());
    event::SetTime(now, event.mutable_observed_time());
    event.mutable_process()->set_action(action);
    event.mutable_process()->set_first_image(action == v1::PROCESS_ACTION_START);
    return event;
  }

  std::deque<std::string> alarms_;  // keys
  uint64_t turn_ = 0;
  uint32_t oldest_ = 2;
  uint32_t newest_ = 3;
  uint32_t sampled_ = 2;
};

}  // namespace

std::string FeedText(const Feed& feed) {
  return fmt::format("{},{},{},{}", feed.rate, feed.alarms, feed.seconds, feed.monitor);
}

Feed ParseFeed(const std::string& text) {
  Feed feed;
  char comma;
  std::istringstream in(text);
  in >> feed.rate >> comma >> feed.alarms >> comma >> feed.seconds >> comma >> feed.monitor;
  return feed;
}

void ServeFeed(const std::string& path, const Feed& feed) {
  // Holds what comes until a gateway has dialled, however busy the machine.
  event_bus::LocalEventBus bus(
      {.monitor = feed.monitor, .host = "host", .ring_bytes = size_t{64} << 20},
      base::Clock::Real());
  const BenchMonitor monitor(bus, feed.monitor, path);
  Host host;
  const absl::Time begin = absl::Now();
  for (int step = 0; step < feed.seconds * kStepsASecond; ++step) {
    absl::SleepFor(begin + step * kStep - absl::Now());
    event::EventList events;
    // Spread evenly, whatever the rates.
    const auto due = [step](int rate) {
      return (step + 1) * rate / kStepsASecond - step * rate / kStepsASecond;
    };
    for (int i = 0; i < due(feed.rate); ++i) events.push_back(host.Next(absl::Now()));
    for (int i = 0; i < due(feed.alarms); ++i) host.Alarm(absl::Now(), &events);
    if (!events.empty()) bus.Publish(std::move(events));
  }
  while (true) pause();
}

}  // namespace daemoneye::bench
