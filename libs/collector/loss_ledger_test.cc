#include "libs/collector/loss_ledger.h"

#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::collector {
namespace {

using base::operator+;

using testing::SizeIs;

constexpr base::Monotonic kStart{std::chrono::hours(1)};
const absl::Time kWall = absl::FromUnixSeconds(1'700'000'000);

Loss Shed(uint64_t count) {
  return {.stage = "intake", .reason = "backpressure", .source = "a", .count = count};
}

TEST(LossLedgerTest, TellsTheFirstLossAtOnceAndFurtherOnesTogetherASecondLater) {
  LossLedger ledger("procmond");
  EXPECT_EQ(ledger.next_due(), std::nullopt);
  ledger.Record(Shed(3), kWall);
  ASSERT_TRUE(ledger.next_due().has_value());
  EXPECT_LE(*ledger.next_due(), kStart);
  ASSERT_THAT(ledger.TakeDue(kStart, kWall, false), SizeIs(1));

  ledger.Record(Shed(4), kWall + absl::Milliseconds(100));
  ledger.Record(Shed(5), kWall + absl::Milliseconds(900));
  EXPECT_EQ(ledger.next_due(), kStart + kLossNoticeInterval);
  EXPECT_THAT(ledger.TakeDue(kStart + absl::Milliseconds(999), kWall, false), SizeIs(0));
  const event::EventList told = ledger.TakeDue(kStart + absl::Seconds(1), kWall, false);
  ASSERT_THAT(told, SizeIs(1));
  const v1::LossEvent& loss = told[0].loss();
  EXPECT_EQ(loss.monitor(), "procmond");
  EXPECT_EQ(loss.stage(), "intake");
  EXPECT_EQ(loss.reason(), "backpressure");
  EXPECT_EQ(loss.count(), 9u);
  EXPECT_EQ(loss.total(), 12u);
  EXPECT_EQ(loss.since().nanos(), 100'000'000);
  EXPECT_EQ(loss.until().nanos(), 900'000'000);
  EXPECT_EQ(told[0].source(), "a");
  EXPECT_EQ(ledger.next_due(), std::nullopt);
}

TEST(LossLedgerTest, FlushTellsWhatIsNotDue) {
  LossLedger ledger("m");
  ledger.Record(Shed(1), kWall);
  ledger.TakeDue(kStart, kWall, false);
  ledger.Record(Shed(1), kWall);
  EXPECT_THAT(ledger.TakeDue(kStart, kWall, false), SizeIs(0));
  EXPECT_THAT(ledger.TakeDue(kStart, kWall, true), SizeIs(1));
}

TEST(LossLedgerTest, UnknownExtentLeavesTheCountOut) {
  LossLedger ledger("m");
  ledger.Record(Shed(2), kWall);
  ledger.Record({.stage = "intake", .reason = "backpressure", .source = "b"}, kWall);
  const event::EventList told = ledger.TakeDue(kStart, kWall, false);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_FALSE(told[0].loss().has_count());
  EXPECT_EQ(told[0].loss().total(), 2u);
  EXPECT_EQ(told[0].source(), "") << "two sources lost together";
  ASSERT_THAT(ledger.drops(), SizeIs(1));
  EXPECT_EQ(ledger.drops()[0].count, 2u);
  EXPECT_EQ(ledger.drops()[0].unknown, 1u);
}

TEST(LossLedgerTest, SnapshotLossIsToldButNotInTheAccount) {
  LossLedger ledger("m");
  ledger.Record({.stage = "intake", .reason = "snapshot", .count = 7, .is_counted = false}, kWall);
  EXPECT_THAT(ledger.drops(), SizeIs(0));
  EXPECT_EQ(ledger.TakeDue(kStart, kWall, false).at(0).loss().count(), 7u);
}

TEST(LossLedgerTest, KindsAreBoundedAndNoneIsForgotten) {
  LossLedger ledger("m");
  uint64_t recorded = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string reason = fmt::format("reason-{}", i);
    ledger.Record({.stage = "kernel", .reason = reason, .count = 1}, kWall);
    ++recorded;
  }
  uint64_t counted = 0;
  for (const DropCount& drop : ledger.drops()) counted += drop.count;
  EXPECT_EQ(counted, recorded);
  EXPECT_LE(ledger.drops().size(), kMaxLossKinds);
}

}  // namespace
}  // namespace daemoneye::collector
