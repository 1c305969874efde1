#include "libs/collector/health_tracker.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::collector {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class HealthTrackerTest : public testing::Test {
 protected:
  std::vector<SourceStatus> changes_;
  std::vector<RunningSources> running_;
  HealthTracker tracker_{{.on_source_changed = [this](const auto& s) { changes_.push_back(s); },
                          .on_running_changed = [this](const auto& r) { running_.push_back(r); }}};
  const size_t exec_ =
      tracker_.Add({.name = "process-exec", .caps = SourceCaps::kProcess | SourceCaps::kRealtime});
  const size_t scan_ = tracker_.Add({.name = "process-scan", .caps = SourceCaps::kProcess});
};

TEST_F(HealthTrackerTest, TellsWhatRunsOnlyWhenItChanges) {
  tracker_.Set(scan_, {.state = SourceState::kStarting});
  EXPECT_THAT(running_, SizeIs(0));
  tracker_.Set(scan_, {.state = SourceState::kRunning, .is_running = true});
  tracker_.Set(scan_, {.state = SourceState::kDegraded, .is_running = true, .detail = "slow"});
  ASSERT_THAT(running_, SizeIs(1));
  EXPECT_EQ(running_[0].caps, SourceCaps::kProcess);
  EXPECT_THAT(running_[0].names, ElementsAre("process-scan"));
  EXPECT_EQ(running_[0].reason, "process-scan is running");
  tracker_.Set(exec_, {.state = SourceState::kRunning, .is_running = true});
  EXPECT_EQ(running_.back().caps, SourceCaps::kProcess | SourceCaps::kRealtime);
  tracker_.Set(exec_, {.state = SourceState::kFailed, .detail = "no CAP_BPF"});
  EXPECT_THAT(running_.back().names, ElementsAre("process-scan"));
  EXPECT_EQ(running_.back().reason, "process-exec is failed: no CAP_BPF");
}

TEST_F(HealthTrackerTest, SameReportIsNoChange) {
  for (int i = 0; i < 3; ++i) tracker_.Set(scan_, {.state = SourceState::kStarting});
  EXPECT_THAT(changes_, SizeIs(1));
}

TEST_F(HealthTrackerTest, MutedTellsNoMoreWhatRuns) {
  tracker_.Set(scan_, {.state = SourceState::kRunning, .is_running = true});
  tracker_.MuteRunning();
  tracker_.Set(scan_, {.state = SourceState::kStopped});
  EXPECT_THAT(running_, SizeIs(1));
  EXPECT_THAT(changes_, SizeIs(2));
  EXPECT_THAT(tracker_.running().names, SizeIs(0));
}

TEST_F(HealthTrackerTest, CapabilitiesAreTheUnionOfAll) {
  EXPECT_EQ(tracker_.capabilities(), SourceCaps::kProcess | SourceCaps::kRealtime);
}

}  // namespace
}  // namespace daemoneye::collector
