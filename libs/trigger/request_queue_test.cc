#include "libs/trigger/request_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace daemoneye::trigger {
namespace {

using ::testing::ElementsAre;

constexpr size_t kCapacity = 10;
constexpr auto kLow = v1::TRIGGER_PRIORITY_LOW;
constexpr auto kNormal = v1::TRIGGER_PRIORITY_NORMAL;
constexpr auto kHigh = v1::TRIGGER_PRIORITY_HIGH;
constexpr auto kCritical = v1::TRIGGER_PRIORITY_CRITICAL;

class RequestQueueTest : public ::testing::Test {
 protected:
  using Verdict = RequestQueue::Verdict;

  static RequestQueue::Item Item(v1::TriggerPriority priority, const std::string& key = "") {
    auto trigger = std::make_shared<v1::Trigger>();
    trigger->set_priority(priority);
    RequestQueue::Item item;
    item.match.trigger = std::move(trigger);
    item.match.key = key;
    return item;
  }
  Verdict Push(v1::TriggerPriority priority) { return queue_.Push(Item(priority)).verdict; }
  void Fill(v1::TriggerPriority priority, size_t size) {
    while (queue_.size() < size) ASSERT_EQ(Push(priority), Verdict::kQueued);
  }

  RequestQueue queue_{kCapacity};
};

TEST_F(RequestQueueTest, FromEightyPercentOnLowIsShedAndTheOthersAreNot) {
  Fill(kLow, 8);
  EXPECT_EQ(Push(kLow), Verdict::kShed);
  EXPECT_EQ(queue_.dropped(kLow), 1u);
  EXPECT_EQ(Push(kNormal), Verdict::kQueued);
  EXPECT_EQ(queue_.size(), 9u);
}

TEST_F(RequestQueueTest, FromNinetyPercentOnNormalIsShedToo) {
  Fill(kNormal, 9);
  EXPECT_EQ(Push(v1::TRIGGER_PRIORITY_UNSPECIFIED), Verdict::kShed) << "which is NORMAL";
  EXPECT_EQ(Push(kNormal), Verdict::kShed);
  EXPECT_EQ(Push(kLow), Verdict::kShed);
  EXPECT_EQ(queue_.dropped(kNormal), 2u);
  EXPECT_EQ(queue_.dropped(kLow), 1u);
  EXPECT_EQ(Push(kHigh), Verdict::kQueued);
}

TEST_F(RequestQueueTest, WhenFullTheLowestMakesRoomForWhatIsAboveIt) {
  Fill(kLow, 1);
  Fill(kHigh, kCapacity);
  const RequestQueue::Pushed first = queue_.Push(Item(kHigh));
  EXPECT_EQ(first.verdict, Verdict::kQueued);
  ASSERT_TRUE(first.evicted.has_value());
  EXPECT_EQ(first.evicted->match.trigger->priority(), kLow);
  EXPECT_EQ(queue_.dropped(kLow), 1u);
  EXPECT_EQ(Push(kHigh), Verdict::kFull) << "the lowest queued is as high";
  EXPECT_EQ(queue_.dropped(kHigh), 1u);
  EXPECT_EQ(Push(kCritical), Verdict::kQueued);
  EXPECT_EQ(queue_.dropped(kHigh), 2u);
  EXPECT_EQ(queue_.size(), kCapacity);
}

TEST_F(RequestQueueTest, TheYoungestOfTheLowestMakesRoom) {
  RequestQueue queue(2);
  queue.Push(Item(kHigh, "old"));
  queue.Push(Item(kHigh, "young"));
  EXPECT_EQ(queue.Push(Item(kCritical)).evicted->match.key, "young");
}

TEST_F(RequestQueueTest, GivesTheHighestPriorityFirstAndTheOldestOfEach) {
  queue_.Push(Item(kLow, "l"));
  queue_.Push(Item(kCritical, "c1"));
  queue_.Push(Item(kNormal, "n"));
  queue_.Push(Item(kCritical, "c2"));
  queue_.Push(Item(kHigh, "h"));
  auto items = queue_.TakeAll();
  const auto keys = [](const std::vector<RequestQueue::Item>& of) {
    std::vector<std::string> keys;
    for (const RequestQueue::Item& item : of) keys.push_back(item.match.key);
    return keys;
  };
  EXPECT_THAT(keys(items), ElementsAre("c1", "c2", "h", "n", "l"));
  EXPECT_EQ(queue_.size(), 0u);
  // What nobody wanted comes before what came since.
  items.resize(2);
  queue_.Push(Item(kCritical, "c3"));
  queue_.PutBack(std::move(items));
  EXPECT_THAT(keys(queue_.TakeAll()), ElementsAre("c1", "c2", "c3"));
}

}  // namespace
}  // namespace daemoneye::trigger
