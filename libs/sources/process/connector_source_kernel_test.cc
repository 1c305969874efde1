// What the source tells of real processes. Skipped, aloud, for others than root.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "libs/linux/procfs/test_child.h"
#include "libs/sources/process/connector_source.h"
#include "libs/sources/process/live_source_fixture.h"

namespace daemoneye::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConnectorSourceTest : public LiveSourceTest {
 protected:
  void Start(size_t receive_buffer_bytes = 4 << 20) {
    source_.emplace(tracker_, receive_buffer_bytes, clock_);
    const absl::Status started = source_->Start(sink_);
    ASSERT_TRUE(started.ok()) << started;
  }
  std::vector<v1::CollectionEvent> EventsOf(pid_t pid) { return Told(*source_, pid); }

  std::optional<ConnectorSource> source_;
};

TEST_F(ConnectorSourceTest, TellsALifeWithItsArgumentsParentAndExitCode) {
  Start();
  std::array<int, 2> gate;
  ASSERT_EQ(::pipe(gate.data()), 0);
  const pid_t pid = StartChild([&] {
    ::dup2(gate[0], 0);
    ::close(gate[1]);
    return ::execl("/bin/sh", "sh", "-c", "read x; exit 7", nullptr);
  });
  // Until it has exec'ed, so that it is there to be looked at.
  std::string image;
  while (image.find("read x") == std::string::npos) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
    image.assign((std::istreambuf_iterator<char>(file)), {});
  }
  ASSERT_EQ(EventsOf(pid).size(), 2u);
  ::close(gate[1]);
  ::close(gate[0]);
  WaitFor(pid);
  const auto events = EventsOf(pid);
  ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
  EXPECT_EQ(events[0].process().ppid(), static_cast<uint32_t>(::getpid()));
  EXPECT_THAT(events[1].process().command_line(), ElementsAre("sh", "-c", "read x; exit 7"));
  EXPECT_TRUE(events[1].process().first_image());
  EXPECT_EQ(events[1].process().exec_count(), 1u);
  EXPECT_FALSE(events[1].process().details_missing());
  EXPECT_EQ(events[2].process().exit_code(), 7);
  for (const auto& event : events)
    EXPECT_EQ(event.process().process_key(), events[0].process().process_key());
}

TEST_F(ConnectorSourceTest, WhatHasEndedBeforeItIsLookedAtSaysSo) {
  Start();
  sink_.SetOpen(false);
  const pid_t pid = StartChild([] { return ::execl("/bin/sh", "sh", "-c", "exit 9", nullptr); });
  WaitFor(pid);
  sink_.SetOpen(true);
  const auto events = EventsOf(pid);
  ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
  EXPECT_TRUE(events[0].process().details_missing());
  EXPECT_TRUE(events[1].process().details_missing());
  // Not those of the image before.
  EXPECT_THAT(events[1].process().command_line(), IsEmpty());
  EXPECT_EQ(events[2].process().exit_code(), 9);
  EXPECT_EQ(events[2].process().ppid(), static_cast<uint32_t>(::getpid()));
  for (const auto& event : events)
    EXPECT_EQ(event.process().process_key(), events[0].process().process_key());
}

TEST_F(ConnectorSourceTest, TellsTheSignal) {
  Start();
  const pid_t pid = StartChild([] { return ::raise(SIGKILL); });
  WaitFor(pid);
  const auto events = EventsOf(pid);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().process().action(), v1::PROCESS_ACTION_STOP);
  EXPECT_EQ(events.back().process().exit_signal(), SIGKILL);
  EXPECT_FALSE(events.back().process().has_exit_code());
}

TEST_F(ConnectorSourceTest, AProcessEndsOnceWithItsLastThread) {
  Start();
  const std::string program = procfs::TestChild::ProgramPath();
  const pid_t pid = StartChild([&] { return Exec({program, "headless"}); });
  ASSERT_EQ(WEXITSTATUS(WaitFor(pid)), 9);
  const auto events = EventsOf(pid);
  ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
  EXPECT_EQ(events[2].process().exit_code(), 9);
}

TEST_F(ConnectorSourceTest, WhenAllIsOverItStillKnowsWhichThreadWasTheLast) {
  Start();
  sink_.SetOpen(false);
  const std::string program = procfs::TestChild::ProgramPath();
  const pid_t pid = StartChild([&] { return Exec({program, "headless"}); });
  ASSERT_EQ(WEXITSTATUS(WaitFor(pid)), 9);
  sink_.SetOpen(true);
  const auto events = EventsOf(pid);
  ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
  EXPECT_EQ(events[2].process().exit_code(), 9);
}

TEST_F(ConnectorSourceTest, AnExecByAThreadEndsNothing) {
  Start();
  for (const bool is_late : {false, true}) {
    sink_.SetOpen(!is_late);
    const pid_t pid = StartChild([] {
      std::thread([] { Exec({"/bin/sh", "-c", "exit 6"}); }).join();
      return 1;
    });
    WaitFor(pid);
    sink_.SetOpen(true);
    const auto events = EventsOf(pid);
    ASSERT_THAT(Actions(events), ElementsAre("START", "EXEC", "STOP"));
    EXPECT_EQ(events[2].process().exit_code(), 6);
  }
}

TEST_F(ConnectorSourceTest, WhatBeginsNowDoesNotBeginInTheFutureOfTheLastScan) {
  {
    base::MutexLock lock(tracker_.mu);
    tracker_.watch.BeginScan(1, 1);
  }
  Start();
  const procfs::TestChild child(procfs::TestChild::ProgramPath());
  ASSERT_THAT(Actions(EventsOf(child.pid())), ElementsAre("START", "EXEC"));
  for (const v1::CollectionEvent& event : all_) {
    EXPECT_NE(event.process().suspicion().rule(), "start_in_future");
  }
}

TEST_F(ConnectorSourceTest, ThreadsAreNoProcesses) {
  Start();
  const pid_t pid = StartChild([] {
    std::thread([] {}).join();
    return 0;
  });
  WaitFor(pid);
  EXPECT_THAT(Actions(EventsOf(pid)), ElementsAre("START", "STOP"));
}

TEST_F(ConnectorSourceTest, WhatWasLostIsToldAndAsksForAScan) {
  std::atomic<int> scans = 0;
  Start(16'384);
  tracker_.live.SetOnScanWanted([&scans] { ++scans; });
  sink_.SetOpen(false);
  for (int i = 0; i < 400; ++i) WaitFor(StartChild([] { return 0; }));
  sink_.SetOpen(true);
  const pid_t pid = StartChild([] { return 0; });
  WaitFor(pid);
  EventsOf(pid);
  ASSERT_FALSE(sink_.losses().empty());
  EXPECT_THAT(sink_.losses()[0], HasSubstr("kernel_socket/full: "));
  EXPECT_GE(scans, 1);
  EXPECT_GE(source_->counters()->dropped_count, 1u);
  EXPECT_TRUE(source_->HealthCheck().status.ok());
  // And it sees again.
  const pid_t later = StartChild([] { return 3; });
  WaitFor(later);
  EXPECT_THAT(Actions(EventsOf(later)), ElementsAre("START", "STOP"));
  tracker_.live.SetOnScanWanted(nullptr);
}

TEST_F(ConnectorSourceTest, StopsAndStartsAnyNumberOfTimes) {
  for (int i = 0; i < 3; ++i) {
    Start();
    EXPECT_EQ(source_->Start(sink_).code(), absl::StatusCode::kFailedPrecondition);
    const pid_t pid = StartChild([] { return 0; });
    WaitFor(pid);
    EXPECT_EQ(EventsOf(pid).size(), 2u);
    source_->Stop();
    EXPECT_FALSE(source_->HealthCheck().status.ok());
    EXPECT_FALSE(source_->counters().has_value());
  }
}

}  // namespace
}  // namespace daemoneye::process
