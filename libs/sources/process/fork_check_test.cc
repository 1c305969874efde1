#include "libs/sources/process/fork_check.h"

#include <gtest/gtest.h>

#include <optional>

namespace daemoneye::process {
namespace {

// Two counts that a test moves; the source's may move at each reading, as on a busy machine.
class ForkCheckTest : public ::testing::Test {
 protected:
  void Both(uint64_t count) {
    kernel_ += count;
    source_ += count;
  }

  uint64_t kernel_ = 5'000'000;
  uint64_t source_ = 17;
  uint64_t forks_a_reading_ = 0;
  bool is_kernel_readable_ = true;
  bool is_source_running_ = true;
  ForkCheck check_{[this]() -> std::optional<uint64_t> {
                     if (!is_kernel_readable_) return std::nullopt;
                     Both(forks_a_reading_);
                     return kernel_;
                   },
                   [this]() -> std::optional<uint64_t> {
                     if (!is_source_running_) return std::nullopt;
                     Both(forks_a_reading_);
                     return source_;
                   }};
};

TEST_F(ForkCheckTest, EqualGrowthIsNoDifference) {
  check_.Rebase();
  Both(112);
  const auto result = check_.Look();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->begun_count, 112u);
  EXPECT_EQ(result->seen_count, 112u);
  EXPECT_EQ(result->unseen_count, 0u);
}

TEST_F(ForkCheckTest, OneThatWasNotSeenIsFound) {
  check_.Rebase();
  Both(3);
  ++kernel_;
  EXPECT_EQ(check_.Look()->unseen_count, 1u);
}

TEST_F(ForkCheckTest, ABlindSourceSawNone) {
  check_.Rebase();
  kernel_ += 112;
  const auto result = check_.Look();
  EXPECT_EQ(result->seen_count, 0u);
  EXPECT_EQ(result->unseen_count, 112u);
}

TEST_F(ForkCheckTest, ForksBetweenTheReadingsAreNoDifference) {
  forks_a_reading_ = 3;
  check_.Rebase();
  for (int i = 0; i < 50; ++i) {
    Both(40);
    EXPECT_EQ(check_.Look()->unseen_count, 0u);
    check_.Rebase();
  }
}

TEST_F(ForkCheckTest, MoreThanForksBetweenTheReadingsIsADifferenceOnABusyMachineToo) {
  forks_a_reading_ = 3;
  check_.Rebase();
  kernel_ += 100;
  EXPECT_GT(check_.Look()->unseen_count, 80u);
}

TEST_F(ForkCheckTest, ASecondLookFindsWhatTheSourceWasToldAMomentLater) {
  check_.Rebase();
  ++kernel_;
  EXPECT_EQ(check_.Look()->unseen_count, 1u);
  ++source_;
  EXPECT_EQ(check_.Look()->unseen_count, 0u);
}

TEST_F(ForkCheckTest, ADifferenceIsToldOnce) {
  check_.Rebase();
  kernel_ += 5;
  EXPECT_EQ(check_.Look()->unseen_count, 5u);
  check_.Rebase();
  Both(5);
  EXPECT_EQ(check_.Look()->unseen_count, 0u);
}

TEST_F(ForkCheckTest, WithoutBothCountsNothingIsSaid) {
  EXPECT_FALSE(check_.Look().has_value()) << "no base";
  check_.Rebase();
  is_kernel_readable_ = false;
  EXPECT_FALSE(check_.Look().has_value());
  is_kernel_readable_ = true;
  is_source_running_ = false;
  EXPECT_FALSE(check_.Look().has_value());
  is_source_running_ = true;
  EXPECT_TRUE(check_.Look().has_value());
  check_.Forget();
  EXPECT_FALSE(check_.Look().has_value());
}

}  // namespace
}  // namespace daemoneye::process
