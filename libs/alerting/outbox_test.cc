#include "libs/alerting/outbox.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "libs/alerting/fake_sink.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OutboxTest : public ::testing::Test {
 protected:
  // A sink named "first" and one named "second".
  void Start(SinkRecord& first, SinkRecord& second) {
    std::vector<SinkSpec> specs;
    specs.push_back({.name = "first", .sink = std::make_unique<FakeSink>(first)});
    specs.push_back({.name = "second", .sink = std::make_unique<FakeSink>(second)});
    ASSERT_TRUE(outbox_.SetSinks(std::move(specs)).ok());
  }
  void Raise(const std::string& title) {
    v1::Alert alert;
    alert.set_id(title);
    alert.set_title(title);
    const std::vector<std::string> sinks = outbox_.SinksFor(v1::SEVERITY_HIGH);
    ASSERT_TRUE(store_.Append(alert, sinks, clock_.Now()).ok());
    outbox_.Notify(sinks);
  }
  SinkStatus StatusOf(size_t sink) const { return outbox_.statuses().at(sink); }

  base::FakeClock clock_;
  MemoryAlertStore store_;
  Outbox outbox_{store_, clock_, {.jitter_ratio = 0}};
};

// No time passes here: whatever the second sink gets, it gets without waiting for the first.
TEST_F(OutboxTest, ADeadSinkDelaysNoOtherOne) {
  SinkRecord dead([](const v1::Alert&, int) { return absl::UnavailableError("down"); });
  SinkRecord living;
  Start(dead, living);
  for (int i = 0; i < 20; ++i) Raise(std::to_string(i));
  EXPECT_EQ(living.AwaitTaken(20).size(), 20u);
  dead.AwaitAttempts(1);
  clock_.AwaitWaiters(2);
  EXPECT_EQ(StatusOf(0).pending, 20u);
  EXPECT_EQ(StatusOf(0).failures_in_a_row, 1u);
  EXPECT_EQ(StatusOf(1).failures_in_a_row, 0u);
}

TEST_F(OutboxTest, BackoffAndBreakerAreEachSinksOwn) {
  SinkRecord dead([](const v1::Alert&, int) { return absl::UnavailableError("down"); });
  SinkRecord living;
  Start(dead, living);
  Raise("a");
  living.AwaitTaken(1);
  for (int attempt = 1; attempt <= 5; ++attempt) {
    dead.AwaitAttempts(attempt);
    clock_.AwaitWaiters(2);
    clock_.Advance(absl::Seconds(60));
  }
  dead.AwaitAttempts(6);
  clock_.AwaitWaiters(2);
  EXPECT_EQ(StatusOf(0).breaker, BreakerState::kOpen);
  EXPECT_EQ(StatusOf(1).breaker, BreakerState::kClosed);
  Raise("b");
  EXPECT_THAT(living.AwaitTaken(2), ElementsAre("a", "b"));
  EXPECT_EQ(dead.attempts(), 6) << "what is new waits behind what failed";
}

TEST_F(OutboxTest, ReplaysBySinkAndByAlert) {
  const auto refuse_once = [](const v1::Alert&, int attempt) {
    return attempt <= 2 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  SinkRecord first(refuse_once), second(refuse_once);
  Start(first, second);
  Raise("a");
  Raise("b");
  first.AwaitAttempts(2);
  second.AwaitAttempts(2);
  clock_.AwaitWaiters(2);
  EXPECT_EQ(*outbox_.Replay("first", "b"), 1u);
  EXPECT_THAT(first.AwaitTaken(1), ElementsAre("b"));
  EXPECT_EQ(*outbox_.Replay("", "a"), 2u) << "of either sink";
  EXPECT_THAT(first.AwaitTaken(2), ElementsAre("b", "a"));
  EXPECT_THAT(second.AwaitTaken(1), ElementsAre("a"));
  EXPECT_EQ(*outbox_.Replay("second", ""), 1u);
  EXPECT_THAT(second.AwaitTaken(2), ElementsAre("a", "b"));
  EXPECT_EQ(*outbox_.Replay("second", ""), 0u);
  EXPECT_THAT(std::string(outbox_.Replay("fax", "").status().message()),
              HasSubstr("sink: there is no fax; there are first, second"));
  EXPECT_TRUE(absl::IsNotFound(outbox_.Replay("", "a").status()));
}

}  // namespace
}  // namespace daemoneye::alerting
