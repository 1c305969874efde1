#include "libs/sources/process/scan_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "libs/base/fake_clock.h"
#include "libs/linux/procfs/fake_proc.h"
#include "libs/sources/process/recording_sink.h"

namespace daemoneye::process {
namespace {

using base::operator+;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ScanSourceTest : public testing::Test {
 protected:
  ScanSourceTest() : fs_(*procfs::ProcFs::Open(proc_.root())), hasher_(fs_, HashLimits{}, clock_) {
    config_.collection_interval = absl::Seconds(10);
    Put(10, "first");
  }

  void Put(pid_t pid, const std::string& name) {
    procfs::FakeProcess process;
    process.pid = pid;
    process.comm = name;
    process.start_ticks =
        static_cast<uint64_t>(3600 * fs_.ticks_per_second()) + static_cast<uint64_t>(pid);
    proc_.Put(process);
  }
  base::Monotonic Soon() const { return clock_.MonotonicNow() + absl::Hours(1); }

  procfs::FakeProc proc_;
  base::FakeClock clock_{absl::FromUnixSeconds(procfs::FakeProc::kBootTimeSeconds + 3600)};
  procfs::ProcFs fs_;
  ExecutableHasher hasher_;
  ProcessSourceConfig config_;
  RecordingSink sink_;
};

TEST_F(ScanSourceTest, HasScannedWhenStartReturns) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  ASSERT_TRUE(source.Start(sink_).ok());
  EXPECT_THAT(sink_.TakeTexts(), ElementsAre("SNAPSHOT 10 first"));
  const auto health = source.HealthCheck();
  EXPECT_TRUE(health.status.ok()) << health.status;
  EXPECT_EQ(health.last_scan_read, 1u);
  EXPECT_EQ(health.last_scan_total, 1u);
}

TEST_F(ScanSourceTest, ScansEveryInterval) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  ASSERT_TRUE(source.Start(sink_).ok());
  sink_.Take();
  clock_.AwaitWaiters(1);
  Put(42, "second");
  clock_.Advance(absl::Seconds(9));
  EXPECT_THAT(sink_.TakeTexts(), IsEmpty());
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(source.Refresh(Soon()).ok()) << "waits for the scan that runs";
  EXPECT_THAT(sink_.TakeTexts(), ElementsAre("START 42 second"));
}

TEST_F(ScanSourceTest, RefreshScansNowUnlessItJustDid) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  ASSERT_TRUE(source.Start(sink_).ok());
  sink_.Take();
  Put(42, "second");
  ASSERT_TRUE(source.Refresh(Soon()).ok());
  EXPECT_THAT(sink_.TakeTexts(), IsEmpty()) << "less than a second ago";
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(source.Refresh(Soon()).ok());
  EXPECT_THAT(sink_.TakeTexts(), ElementsAre("START 42 second"));
}

TEST_F(ScanSourceTest, RefreshSaysWhenItIsNotRunning) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  EXPECT_EQ(source.Refresh(Soon()).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(source.Start(sink_).ok());
  source.Stop();
  source.Stop();
  EXPECT_EQ(source.Refresh(Soon()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(source.HealthCheck().status.ok());
}

TEST_F(ScanSourceTest, StartedAgainTellsTheDifference) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  ASSERT_TRUE(source.Start(sink_).ok());
  source.Stop();
  sink_.Take();
  proc_.Remove(10);
  Put(42, "second");
  ASSERT_TRUE(source.Start(sink_).ok());
  EXPECT_THAT(sink_.TakeTexts(), ElementsAre("START 42 second", "STOP 10 first"));
}

TEST_F(ScanSourceTest, StartFailsWhereThereIsNothingToScan) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  proc_.RemovePath("stat");  // the time of the boot
  EXPECT_FALSE(source.Start(sink_).ok());
  EXPECT_FALSE(source.HealthCheck().status.ok());
  proc_.SetForks(1);
  EXPECT_TRUE(source.Start(sink_).ok());
}

TEST_F(ScanSourceTest, ReconfigureHoldsFromTheNextScan) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  ASSERT_TRUE(source.Start(sink_).ok());
  sink_.Take();
  config_.samples = SamplePolicy::kAll;
  ASSERT_TRUE(source.Reconfigure(config_).ok());
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(source.Refresh(Soon()).ok());
  EXPECT_EQ(sink_.Take().size(), 1u);
  config_.collection_interval = absl::Seconds(4);
  EXPECT_THAT(source.Reconfigure(config_).ToString(), HasSubstr("collection_interval"));
}

TEST_F(ScanSourceTest, HealthTellsThatNoScanCameForTwoIntervals) {
  ProcessTracker tracker(fs_, config_, hasher_, clock_);
  ScanSource source(tracker, ScanSource::Reader::kAuto, clock_);
  ASSERT_TRUE(source.Start(sink_).ok());
  EXPECT_TRUE(source.HealthCheck().status.ok());
  proc_.RemovePath("stat");
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(21));
  EXPECT_FALSE(source.Refresh(Soon()).ok());
  EXPECT_FALSE(source.HealthCheck().status.ok());
}

}  // namespace
}  // namespace daemoneye::process
