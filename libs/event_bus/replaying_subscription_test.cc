#include "libs/event_bus/replaying_subscription.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::event_bus {
namespace {

// What a store kept: any positions.
class FakeHistory final : public LogHistory {
 public:
  absl::StatusOr<std::vector<Position>> Read(uint64_t after, size_t max_events,
                                             size_t max_bytes) const override {
    std::vector<Position> out;
    size_t bytes = 0;
    for (auto it = kept.upper_bound(after); it != kept.end() && out.size() < max_events; ++it) {
      bytes += it->second.size();
      if (!out.empty() && bytes > max_bytes) break;
      out.push_back({it->first, it->second});
    }
    return out;
  }
  std::map<uint64_t, std::string> kept;
};

class ReplayingSubscriptionTest : public ::testing::Test {
 protected:
  ReplayingSubscriptionTest() {
    LocalEventBusOptions options;
    options.ring_max_events = 10;
    bus_ = std::make_unique<LocalEventBus>(options, base::Clock::Real());
  }

  // Publishes one event a batch, and keeps it in the history.
  void Publish(int count) {
    for (int i = 0; i < count; ++i) {
      event::Event event;
      event.mutable_process()->set_action(v1::PROCESS_ACTION_START);
      event.mutable_process()->set_pid(static_cast<uint32_t>(++published_));
      event.mutable_process()->set_name(published_ % 2 == 0 ? "even" : "odd");
      bus_->Publish({event});
      event.set_sequence(published_);
      history_.kept[published_] = event.SerializeAsString();
    }
  }

  std::unique_ptr<Subscription> Subscribe(uint64_t from, v1::EventFilter filter = {}) {
    auto made = ReplayingSubscription::Create(
        *bus_, history_, {.filter = std::move(filter), .from_sequence = from, .client_id = "c"});
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  // All that can be read now: positions, and "a-b" for what was missed.
  std::vector<std::string> ReadAll(Subscription& subscription, size_t max_events = 4) {
    std::vector<std::string> out;
    while (true) {
      auto delivery = subscription.Poll({.max_events = max_events});
      EXPECT_TRUE(delivery.ok()) << delivery.status();
      if (!delivery.ok()) return out;
      if (delivery->missed) {
        out.push_back(std::to_string(delivery->missed->first_sequence) + "-" +
                      std::to_string(delivery->missed->last_sequence));
      }
      for (const BatchSpan& span : delivery->spans) {
        for (uint32_t i = span.first; i < span.first + span.count; ++i) {
          event::Event event;
          EXPECT_TRUE(event.ParseFromString(std::string(span.batch->event_bytes(i))));
          EXPECT_EQ(event.sequence(), span.batch->first_sequence() + i);
          out.push_back(std::to_string(event.process().pid()));
        }
      }
      if (delivery->caught_up) return out;
    }
  }

  static std::vector<std::string> Range(int first, int last) {
    std::vector<std::string> out;
    for (int i = first; i <= last; ++i) out.push_back(std::to_string(i));
    return out;
  }

  std::unique_ptr<LocalEventBus> bus_;
  FakeHistory history_;
  uint64_t published_ = 0;
};

TEST_F(ReplayingSubscriptionTest, GoesFromTheStoreToTheRingWithoutAHoleOrATwin) {
  Publish(35);
  const auto subscription = Subscribe(3);
  EXPECT_EQ(ReadAll(*subscription), Range(3, 35));
  EXPECT_TRUE(subscription->Arm());
  Publish(2);
  EXPECT_EQ(ReadAll(*subscription), Range(36, 37));
  EXPECT_EQ(subscription->statistics().delivered, 35u);
}

TEST_F(ReplayingSubscriptionTest, KeepsUpWithALogThatGoesOnWhileItReplays) {
  Publish(30);
  const auto subscription = Subscribe(1);
  std::vector<std::string> read;
  for (int i = 0; i < 100; ++i) {
    auto delivery = subscription->Poll({.max_events = 3});
    ASSERT_TRUE(delivery.ok());
    EXPECT_FALSE(delivery->missed.has_value());
    for (const BatchSpan& span : delivery->spans) {
      for (uint32_t j = 0; j < span.count; ++j) {
        read.push_back(std::to_string(span.batch->first_sequence() + span.first + j));
      }
    }
    if (i < 40) Publish(1);
  }
  EXPECT_EQ(read, Range(1, 70));
}

TEST_F(ReplayingSubscriptionTest, TellsWhatNeitherHolds) {
  Publish(30);
  for (const uint64_t lost : {1, 2, 7, 8, 9}) history_.kept.erase(lost);
  const auto subscription = Subscribe(1);
  std::vector<std::string> expected = {"1-2", "3", "4", "5", "6", "7-9"};
  for (const std::string& s : Range(10, 30)) expected.push_back(s);
  EXPECT_EQ(ReadAll(*subscription), expected);
  EXPECT_EQ(subscription->statistics().dropped, 5u);
}

TEST_F(ReplayingSubscriptionTest, FollowsTheRingsRuleWhereNothingIsKept) {
  Publish(30);
  history_.kept.clear();
  const auto subscription = Subscribe(5);
  const std::vector<std::string> read = ReadAll(*subscription);
  ASSERT_FALSE(read.empty());
  EXPECT_EQ(read.front(), "5-20");
  EXPECT_EQ(read.back(), "30");
}

TEST_F(ReplayingSubscriptionTest, FiltersWhatItReplaysAsTheRingDoes) {
  Publish(30);
  v1::EventFilter filter;
  filter.add_names("even");
  const auto subscription = Subscribe(1, filter);
  EXPECT_EQ(ReadAll(*subscription).size(), 15u);
  EXPECT_EQ(subscription->statistics().filtered, 15u);
}

TEST_F(ReplayingSubscriptionTest, HasSomethingToReadUntilTheRingTakesOver) {
  Publish(30);
  const auto subscription = Subscribe(1);
  EXPECT_FALSE(subscription->Arm());
  EXPECT_EQ(subscription->next_sequence(), 1u);
}

}  // namespace
}  // namespace daemoneye::event_bus
