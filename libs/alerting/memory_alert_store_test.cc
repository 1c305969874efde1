#include "libs/alerting/memory_alert_store.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace daemoneye::alerting {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
const std::vector<std::string> kSinks = {"a", "b"};

class MemoryAlertStoreTest : public ::testing::Test {
 protected:
  uint64_t Append(const std::string& title, v1::Severity severity = v1::SEVERITY_HIGH) {
    v1::Alert alert;
    alert.set_id(title);
    alert.set_title(title);
    alert.set_severity(severity);
    return *store_.Append(alert, kSinks, kNow);
  }
  static std::vector<std::string> Titles(const std::vector<v1::Alert>& alerts) {
    std::vector<std::string> titles;
    for (const v1::Alert& alert : alerts) titles.push_back(alert.title());
    return titles;
  }
  std::vector<std::string> PendingTitles(const std::string& sink) {
    std::vector<std::string> titles;
    const auto pending = *store_.Pending(sink, 100);
    for (const auto& delivery : pending) titles.push_back(delivery.alert.title());
    return titles;
  }
  MemoryAlertStore store_{{.max_alerts = 3, .max_bytes = 1 << 20}};
};

TEST_F(MemoryAlertStoreTest, NumbersReadsAndListsAlerts) {
  EXPECT_EQ(Append("x"), 1u);
  EXPECT_EQ(Append("y", v1::SEVERITY_LOW), 2u);
  EXPECT_EQ(Append("z"), 3u);
  EXPECT_THAT(Titles(*store_.List({}, 0, 10)), ElementsAre("z", "y", "x"));
  EXPECT_THAT(Titles(*store_.List({}, 3, 1)), ElementsAre("y"));
  EXPECT_THAT(Titles(*store_.ReadAfter({}, 1, 10)), ElementsAre("y", "z"));
  v1::AlertFilter filter;
  filter.set_minimum_severity(v1::SEVERITY_HIGH);
  EXPECT_THAT(Titles(*store_.ReadAfter(filter, 0, 10)), ElementsAre("x", "z"));
  v1::Alert again;
  again.set_id("x");
  EXPECT_TRUE(absl::IsAlreadyExists(store_.Append(again, kSinks, kNow).status()));
}

TEST_F(MemoryAlertStoreTest, ForgetsTheOldestAndCountsWhatNoSinkGot) {
  for (const char* title : {"v", "w"}) Append(title);
  ASSERT_TRUE(store_.MarkDelivered("a", 1).ok());
  for (const char* title : {"x", "y"}) Append(title);
  EXPECT_EQ(store_.range()->oldest, 2u);
  EXPECT_EQ(store_.range()->newest, 4u);
  EXPECT_EQ(store_.lost_deliveries(), 1u);
  EXPECT_THAT(PendingTitles("b"), ElementsAre("w", "x", "y"));
  EXPECT_TRUE(absl::IsNotFound(store_.MarkDelivered("b", 1)));
}

TEST_F(MemoryAlertStoreTest, BoundsItsBytes) {
  MemoryAlertStore store({.max_alerts = 1000, .max_bytes = 10'000});
  for (int i = 0; i < 100; ++i) {
    v1::Alert alert;
    alert.set_id(std::to_string(i));
    alert.set_title(std::string(1000, 'x'));
    ASSERT_TRUE(store.Append(alert, {}, kNow).ok());
  }
  EXPECT_LT(store.List({}, 0, 1000)->size(), 10u);
  EXPECT_EQ(store.range()->newest, 100u);
}

TEST_F(MemoryAlertStoreTest, KeepsAnOutboxASink) {
  Append("x");
  Append("y");
  ASSERT_TRUE(store_.MarkDelivered("a", 1).ok());
  ASSERT_TRUE(store_.MarkFailed("b", 1, kNow + absl::Seconds(1), "down").ok());
  EXPECT_THAT(PendingTitles("a"), ElementsAre("y"));
  const auto pending = *store_.Pending("b", 1);
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_EQ(pending[0].attempts, 1u);
  EXPECT_EQ(pending[0].last_error, "down");
  EXPECT_EQ(pending[0].next_attempt, kNow + absl::Seconds(1));
  ASSERT_TRUE(store_.MarkDead("b", 1, "too old").ok());
  EXPECT_EQ(store_.Outbox("b")->dead, 1u);
  EXPECT_THAT(PendingTitles("b"), ElementsAre("y"));
  EXPECT_EQ(*store_.ReplayDead("b", "", kNow), 1u);
  EXPECT_THAT(PendingTitles("b"), ElementsAre("x", "y"));
  EXPECT_EQ(*store_.DropOtherSinks(std::vector<std::string>{"a"}), 2u);
  EXPECT_EQ(store_.Outbox("b")->pending, 0u);
  EXPECT_EQ(store_.Outbox("a")->pending, 1u);
}

TEST_F(MemoryAlertStoreTest, ListsAndReplaysDeadLetters) {
  for (const char* title : {"x", "y", "z"}) Append(title);
  ASSERT_TRUE(store_.MarkFailed("b", 1, kNow, "down").ok());
  for (const uint64_t sequence : {1, 3}) ASSERT_TRUE(store_.MarkDead("b", sequence, "no").ok());
  for (const uint64_t sequence : {3, 2}) ASSERT_TRUE(store_.MarkDead("a", sequence, "no").ok());
  const auto list = [&](const storage::DeadLetterFilter& filter,
                        const storage::DeadLetterPosition& after = {}, size_t max = 10) {
    std::vector<std::string> letters;
    const auto deliveries = *store_.DeadLetters(filter, after, max);
    for (const auto& d : deliveries) letters.push_back(d.sink + d.alert.title());
    return letters;
  };
  EXPECT_THAT(list({}), ElementsAre("ay", "az", "bx", "bz"));
  EXPECT_THAT(list({}, {}, 3), ElementsAre("ay", "az", "bx"));
  EXPECT_THAT(list({}, {.sink = "a", .sequence = 3}), ElementsAre("bx", "bz"));
  EXPECT_THAT(list({.sink = "b"}), ElementsAre("bx", "bz"));
  EXPECT_THAT(list({.alert_id = "z"}), ElementsAre("az", "bz"));
  EXPECT_EQ(store_.DeadLetters({.sink = "b"}, {}, 1)->front().attempts, 2u);
  EXPECT_EQ(*store_.ReplayDead("b", "z", kNow), 1u);
  EXPECT_EQ(*store_.ReplayDead("b", "y", kNow), 0u) << "it is pending, not dead";
  EXPECT_THAT(list({}), ElementsAre("ay", "az", "bx"));
  EXPECT_EQ(*store_.ReplayDead("a", "", kNow), 2u);
  EXPECT_THAT(list({}), ElementsAre("bx"));
}

TEST_F(MemoryAlertStoreTest, AReplayedLetterIsAsYoungAsItsReplayAndNoOtherOneIs) {
  Append("x");
  ASSERT_TRUE(store_.MarkDead("a", 1, "no").ok());
  ASSERT_EQ(*store_.ReplayDead("a", "", kNow + absl::Hours(30)), 1u);
  EXPECT_EQ(store_.Pending("a", 1)->front().created, kNow + absl::Hours(30));
  EXPECT_EQ(store_.Pending("b", 1)->front().created, kNow);
}

TEST_F(MemoryAlertStoreTest, AcknowledgesAgainAndAgain) {
  Append("x");
  ASSERT_TRUE(store_.Acknowledge("x", "ann", "looked", kNow).ok());
  const v1::Alert alert = *store_.Acknowledge("x", "bob", "again", kNow);
  EXPECT_EQ(alert.state(), v1::ALERT_STATE_ACKNOWLEDGED);
  EXPECT_EQ(store_.Get("x")->acknowledged_by(), "bob");
  EXPECT_EQ(alert.acknowledged_at().seconds(), absl::ToUnixSeconds(kNow));
  EXPECT_TRUE(absl::IsNotFound(store_.Acknowledge("y", "", "", kNow).status()));
}

TEST_F(MemoryAlertStoreTest, PrunesWhatNobodyWaitsFor) {
  Append("x");
  Append("y");
  for (const std::string& sink : kSinks) ASSERT_TRUE(store_.MarkDelivered(sink, 1).ok());
  EXPECT_EQ(*store_.PruneAlerts(kNow, 1000, 10), 0u);
  EXPECT_EQ(*store_.PruneAlerts(kNow + absl::Seconds(1), 1000, 10), 1u);
  EXPECT_EQ(store_.range()->oldest, 2u);
}

}  // namespace
}  // namespace daemoneye::alerting
