#include "services/collector_gateway/position_ledger.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::gateway {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class PositionLedgerTest : public ::testing::Test {
 protected:
  base::FakeClock clock_;
  uint64_t log_position_ = 0;
  PositionLedger ledger_{[this] { return log_position_; }, clock_};
};

TEST_F(PositionLedgerTest, GivesAMarkOnlyOnceItsEventsAreStored) {
  log_position_ = 10;
  ledger_.Note("a", 7);
  EXPECT_THAT(ledger_.Take(9), IsEmpty());
  const auto marks = ledger_.Take(10);
  ASSERT_THAT(marks, SizeIs(1));
  EXPECT_EQ(marks[0].stream_id, "a");
  EXPECT_EQ(marks[0].sequence, 7u);
  EXPECT_THAT(ledger_.Take(11), IsEmpty());
}

TEST_F(PositionLedgerTest, IsNotPutOffByNewerPositions) {
  log_position_ = 10;
  ledger_.Note("a", 7);
  clock_.Advance(absl::Seconds(1));
  log_position_ = 20;
  ledger_.Note("a", 17);
  ASSERT_THAT(ledger_.Take(10), SizeIs(1));
  ledger_.Note("a", 18);
  EXPECT_EQ(ledger_.Take(20)[0].sequence, 18u);
}

TEST_F(PositionLedgerTest, BoundsTheLogsItKeeps) {
  for (size_t i = 0; i <= PositionLedger::kMaxLogs; ++i) ledger_.Note(std::to_string(i), 1);
  EXPECT_THAT(ledger_.Take(0), SizeIs(PositionLedger::kMaxLogs));
}

}  // namespace
}  // namespace daemoneye::gateway
