// The bus under threads: publishers, readers, comers and goers, snapshots, all at once. Meant for
// TSan; what it checks holds without it, too.

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "libs/base/thread.h"
#include "libs/event_bus/bus_test_support.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::event_bus {
namespace {

constexpr int kPublishers = 3;
constexpr int kRounds = 300;
constexpr size_t kEach = 4;
// All that the publishers publish, and one event at the end that passes every filter.
constexpr uint64_t kTotal = kPublishers * kRounds * kEach + 1;
constexpr uint32_t kLastPid = 1200;

void PublishAll(LocalEventBus& bus, int publisher) {
  for (int round = 0; round < kRounds; ++round) {
    const auto pid = static_cast<uint32_t>(publisher * kRounds * kEach + round * kEach + 1);
    if (round % 2 == 0) {
      bus.Publish(Starts(pid, kEach));
    } else {
      bus.PublishFramed(
          Framed(Starts(pid, kEach), round * kEach + 1, "s" + std::to_string(publisher)));
    }
  }
}

// Reads to the end of what is published; every position once, in order, or named as missed.
void ReadAll(LocalEventBus& bus, const v1::EventFilter& filter, bool expects_all) {
  SubscribeOptions options;
  options.filter = filter;
  options.from_sequence = 1;
  auto subscription = bus.Subscribe(options);
  ASSERT_TRUE(subscription.ok()) << subscription.status();
  const auto deadline = base::Clock::Real().MonotonicNow() + std::chrono::seconds(60);
  uint64_t position = 0;
  while (position < kTotal) {
    const auto delivery = (*subscription)->Next({.max_events = 64}, deadline);
    ASSERT_TRUE(delivery.ok());
    ASSERT_LT(base::Clock::Real().MonotonicNow(), deadline);
    if (delivery->missed) {
      // Next may have passed over events that the filter leaves out before it came to the gap.
      const uint64_t first = delivery->missed->first_sequence;
      ASSERT_TRUE(expects_all ? first == position + 1 : first > position);
      position = delivery->missed->last_sequence;
    }
    for (const uint64_t sequence : SequencesOf(*delivery)) {
      ASSERT_TRUE(expects_all ? sequence == position + 1 : sequence > position);
      position = sequence;
    }
    position = delivery->position;
    const SubscriberStatistics statistics = (*subscription)->statistics();
    ASSERT_EQ(statistics.delivered + statistics.filtered + statistics.dropped, position);
  }
}

TEST(ConcurrencyTest, PublishersReadersAndSnapshotsAtOnce) {
  LocalEventBus bus({.ring_bytes = 48 << 10, .young_bytes = 4 << 10}, base::Clock::Real());
  std::vector<base::Thread> threads;
  v1::EventFilter by_pid;
  by_pid.add_pids(7);
  by_pid.add_pids(kLastPid);
  v1::EventFilter by_sql;
  by_sql.set_sql("pid % 2 = 0");
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back("reader", [&bus](std::stop_token) { ReadAll(bus, {}, true); });
  }
  threads.emplace_back("by_pid", [&](std::stop_token) { ReadAll(bus, by_pid, false); });
  threads.emplace_back("by_sql", [&](std::stop_token) { ReadAll(bus, by_sql, false); });
  threads.emplace_back("snapshots", [&bus](std::stop_token) {
    for (int i = 0; i < 20; ++i) {
      const auto snapshot = bus.Snapshot({});
      ASSERT_TRUE(snapshot.ok());
      for (const std::string& bytes : snapshot->events) {
        event::Event event;
        ASSERT_TRUE(event.ParseFromString(bytes));
      }
      bus.DropState("s1");
      bus.statistics();
    }
  });
  std::vector<base::Thread> publishers;
  for (int i = 0; i < kPublishers; ++i) {
    publishers.emplace_back("publisher", [&bus, i](std::stop_token) { PublishAll(bus, i); });
  }
  publishers.clear();
  bus.Publish(Starts(kLastPid, 1));
  threads.clear();
  EXPECT_EQ(bus.statistics().published, kTotal);
}

TEST(ConcurrencyTest, ASubscriptionMayGoAwayWhileItIsWoken) {
  LocalEventBus bus({}, base::Clock::Real());
  std::atomic<bool> done = false;
  base::Thread publisher("publisher", [&](std::stop_token) {
    while (!done) bus.Publish(Starts(1, 1));
  });
  for (int i = 0; i < 300; ++i) {
    auto calls = std::make_unique<std::atomic<int>>(0);
    SubscribeOptions options;
    options.on_ready = [raw = calls.get()] { ++*raw; };
    auto subscription = *bus.Subscribe(options);
    while (!subscription->Arm()) ASSERT_TRUE(subscription->Poll({}).ok());
    subscription.reset();
    calls.reset();  // no call may follow
  }
  done = true;
}

// A snapshot as of N shows exactly what the log up to N says.
TEST(ConcurrencyTest, TheSnapshotAndTheLogFitTogether) {
  LocalEventBus bus({}, base::Clock::Real());
  base::Thread publisher("publisher", [&bus](std::stop_token) {
    for (uint32_t pid = 1; pid <= 600; ++pid) {
      bus.Publish(Starts(pid, 1));
      if (pid % 3 == 0) bus.Publish(ListOf(ProcessWord(v1::PROCESS_ACTION_STOP, pid)));
    }
  });
  for (uint64_t as_of = 0; as_of < 800;) {
    const auto snapshot = bus.Snapshot({});
    as_of = snapshot->as_of_sequence;
    // Of every four positions three are starts and the fourth a stop.
    const uint64_t living = as_of / 4 * 2 + as_of % 4;
    ASSERT_EQ(snapshot->events.size(), living) << as_of;
  }
}

}  // namespace
}  // namespace daemoneye::event_bus
