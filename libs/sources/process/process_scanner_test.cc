
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "libs/sources/process/scanner_fixture.h"

namespace daemoneye::process {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ProcessScannerTest : public ScannerFixture {};

TEST_F(ProcessScannerTest, TellsWhatRanBeforeAsSnapshotOfAFirstImage) {
  proc_.Put(Process(10, "init"));
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_SNAPSHOT);
  EXPECT_TRUE(events[0].process().first_image());
  EXPECT_EQ(events[0].source(), "process-scan");
  EXPECT_THAT(ScanTexts(), IsEmpty());
}

TEST_F(ProcessScannerTest, TellsStartAndStopWithOneKeyAndTheRuntime) {
  Scan();
  proc_.Put(Process(42, "short", absl::ZeroDuration()));
  auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  const v1::ProcessEvent start = events[0].process();
  EXPECT_EQ(start.action(), v1::PROCESS_ACTION_START);
  EXPECT_TRUE(start.first_image());
  EXPECT_EQ(events[0].event_time().seconds(), start.start_time().seconds());

  proc_.Remove(42);
  clock_.Advance(absl::Seconds(9));
  events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  const v1::ProcessEvent stop = events[0].process();
  EXPECT_EQ(stop.action(), v1::PROCESS_ACTION_STOP);
  EXPECT_EQ(stop.process_key(), start.process_key());
  EXPECT_EQ(stop.runtime().seconds(), 11);
  EXPECT_EQ(stop.name(), "short");
  EXPECT_FALSE(stop.has_exit_code());
}

TEST_F(ProcessScannerTest, TellsHowAProcessEndedThatIsSeenBeforeItIsReaped) {
  auto process = Process(42, "killed");
  proc_.Put(process);
  Scan();
  sink_.Take();
  process.state = 'Z';
  process.exit_code = 9;
  process.cmdline = "";
  process.exe = "";
  proc_.Put(process);
  EXPECT_THAT(ScanTexts(), IsEmpty()) << "still in the table of processes";
  proc_.Remove(42);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].process().exit_signal(), 9);
  EXPECT_EQ(events[0].process().executable_path(), "/usr/bin/fake") << "what it was";
}

TEST_F(ProcessScannerTest, TellsAReusedPidAsStopAndStart) {
  proc_.Put(Process(42, "old"));
  Scan();
  sink_.Take();
  proc_.Put(Process(42, "new", -absl::Seconds(1)));
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_STOP);
  EXPECT_EQ(events[0].process().name(), "old");
  EXPECT_EQ(events[1].process().action(), v1::PROCESS_ACTION_START);
  EXPECT_NE(events[0].process().process_key(), events[1].process().process_key());
}

TEST_F(ProcessScannerTest, TellsExecByTheMovedMemoryAndKeepsTheKey) {
  auto process = Process(42, "sh");
  proc_.Put(process);
  const std::string key = ScanEvents()[0].process().process_key();
  process.comm = "ls";
  process.exe = "/usr/bin/ls";
  process.cmdline = std::string("ls\0-l\0", 6);
  process.start_stack += 4096;
  proc_.Put(process);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  const v1::ProcessEvent& exec = events[0].process();
  EXPECT_EQ(exec.action(), v1::PROCESS_ACTION_EXEC);
  EXPECT_EQ(exec.process_key(), key);
  EXPECT_EQ(exec.exec_count(), 1u);
  EXPECT_TRUE(exec.first_image());
  EXPECT_EQ(exec.executable_path(), "/usr/bin/ls");
  EXPECT_THAT(exec.command_line(), ElementsAre("ls", "-l"));
}

TEST_F(ProcessScannerTest, TellsAnExecOnlyOnceItIsOver) {
  auto process = Process(42, "sh");
  proc_.Put(process);
  Scan();
  sink_.Take();
  process.comm = "ls";
  process.exe = "/usr/bin/ls";
  process.cmdline = std::string("ls\0-l\0", 6);
  process.start_stack += 4096;
  process.is_in_exec = true;
  proc_.Put(process);
  EXPECT_THAT(ScanTexts(), IsEmpty());
  EXPECT_THAT(ScanTexts(), IsEmpty()) << "however long it takes";
  EXPECT_EQ(scanner_->statistics().unreadable, 0u);
  process.is_in_exec = false;
  proc_.Put(process);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  const v1::ProcessEvent& exec = events[0].process();
  EXPECT_EQ(exec.action(), v1::PROCESS_ACTION_EXEC);
  EXPECT_EQ(exec.exec_count(), 1u);
  EXPECT_TRUE(exec.first_image());
  EXPECT_EQ(exec.name(), "ls");
  EXPECT_EQ(exec.executable_path(), "/usr/bin/ls");
  EXPECT_THAT(exec.command_line(), ElementsAre("ls", "-l"));
  EXPECT_GT(exec.memory_usage_bytes(), 0u);
  EXPECT_THAT(ScanTexts(), IsEmpty());
}

TEST_F(ProcessScannerTest, ANewProcessInTheMiddleOfAnExecIsAStartAndThenThatExec) {
  Scan();
  auto process = Process(42, "ls", absl::ZeroDuration());
  process.is_in_exec = true;
  proc_.Put(process);
  auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1)) << "it may end before the next scan";
  EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_START);
  EXPECT_FALSE(events[0].process().first_image());
  EXPECT_THAT(ScanTexts(), IsEmpty());
  process.is_in_exec = false;
  proc_.Put(process);
  events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_EXEC);
  EXPECT_TRUE(events[0].process().first_image());
  EXPECT_THAT(events[0].process().command_line(), ElementsAre("fake"));
  EXPECT_THAT(ScanTexts(), IsEmpty());
}

TEST_F(ProcessScannerTest, AKernelThatNeverTellsTheLayoutHidesNoChange) {
  auto process = Process(42, "sh");
  process.is_in_exec = true;  // zeros in stat,
  proc_.Put(process);
  proc_.WriteFile("42/cmdline", "sh");  // and a command line all the same
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 42 sh"));
  process.comm = "renamed";
  proc_.Put(process);
  proc_.WriteFile("42/cmdline", "sh");
  EXPECT_THAT(ScanTexts(), ElementsAre("MODIFIED 42 renamed"));
}

TEST_F(ProcessScannerTest, AProcessMayHaveNoCommandLine) {
  auto process = Process(42, "daemon");
  proc_.Put(process);
  Scan();
  sink_.Take();
  process.cmdline = "";
  proc_.Put(process);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_THAT(events[0].process().modified_fields(), ElementsAre("command_line"));
}

TEST_F(ProcessScannerTest, TellsWhatWasModifiedWithTheFullRecord) {
  auto process = Process(42, "daemon");
  proc_.Put(process);
  Scan();
  sink_.Take();
  process.comm = "renamed";
  process.cmdline = std::string("a title\0", 8);
  process.uid = 33;
  proc_.Put(process);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  const v1::ProcessEvent& modified = events[0].process();
  EXPECT_EQ(modified.action(), v1::PROCESS_ACTION_MODIFIED);
  EXPECT_THAT(modified.modified_fields(),
              ElementsAre("name", "command_line", "user_id", "effective_user_id", "group_id"));
  EXPECT_FALSE(modified.first_image());
  EXPECT_EQ(modified.ppid(), 1u);
  EXPECT_EQ(modified.working_directory(), "/");
  EXPECT_EQ(modified.user_id(), 33u);
}

TEST_F(ProcessScannerTest, FollowsAProcessThatItsLauncherMovesToAContainer) {
  auto process = Process(42, "app", absl::ZeroDuration());
  Scan();
  proc_.Put(process);
  Scan();
  sink_.Take();
  const std::string id(64, 'a');
  process.cgroup = "0::/system.slice/docker-" + id + ".scope\n";
  proc_.Put(process);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].process().container_id(), id);
  EXPECT_THAT(events[0].process().modified_fields(), ElementsAre("cgroup_path", "container_id"));
}

TEST_F(ProcessScannerTest, NamesTheParentFromTheTable) {
  auto parent = Process(10, "parent");
  parent.exe = "/usr/sbin/parent";
  auto child = Process(42, "child");
  child.ppid = 10;
  proc_.Put(parent);
  proc_.Put(child);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[1].process().parent_name(), "parent");
  EXPECT_EQ(events[1].process().parent_executable_path(), "/usr/sbin/parent");
  EXPECT_EQ(events[1].process().parent_key(), events[0].process().process_key());
  EXPECT_FALSE(events[0].process().has_parent_key());
}

TEST_F(ProcessScannerTest, SendsSamplesAsThePolicySays) {
  struct Case {
    SamplePolicy policy;
    size_t idle_samples;
    size_t busy_samples;
  };
  for (const Case& c : {Case{SamplePolicy::kChanged, 0, 1}, Case{SamplePolicy::kAll, 1, 1},
                        Case{SamplePolicy::kNone, 0, 0}}) {
    config_.samples = c.policy;
    scanner_ = nullptr;
    auto process = Process(42, "worker");
    proc_.Put(process);
    Scan();
    sink_.Take();
    EXPECT_THAT(ScanEvents(), SizeIs(c.idle_samples));
    process.utime_ticks = static_cast<uint64_t>(fs_.ticks_per_second()) / 2;
    proc_.Put(process);
    const auto events = ScanEvents();
    ASSERT_THAT(events, SizeIs(c.busy_samples));
    if (events.empty()) continue;
    EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_SAMPLE);
    EXPECT_DOUBLE_EQ(events[0].process().cpu_usage_percent(), 50);
    EXPECT_EQ(events[0].process().name(), "worker") << "conditions see the whole record";
    EXPECT_THAT(events[0].process().command_line(), ElementsAre("fake"));
  }
}

TEST_F(ProcessScannerTest, ReadsInTurnAndTellsAStopOnlyOfWhatIsGone) {
  config_.max_processes_per_cycle = 2;
  for (int pid = 10; pid < 15; ++pid) proc_.Put(Process(pid, "p" + std::to_string(pid)));
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 10 p10", "SNAPSHOT 11 p11"));
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 12 p12", "SNAPSHOT 13 p13"));
  proc_.Remove(11);
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 14 p14", "STOP 11 p11"));
  EXPECT_EQ(scanner_->statistics().last_read, 2u);
  EXPECT_EQ(scanner_->statistics().last_total, 4u);
  proc_.Put(Process(42, "late", absl::ZeroDuration()));
  EXPECT_THAT(ScanTexts(), IsEmpty()) << "12 and 13";
  EXPECT_THAT(ScanTexts(), ElementsAre("START 42 late"));
}

TEST_F(ProcessScannerTest, GivesUpTheDetailsOfTheOldestButNeverItsStop) {
  config_.max_tracked_processes = 2;
  for (int pid = 10; pid < 14; ++pid) proc_.Put(Process(pid, "p" + std::to_string(pid)));
  EXPECT_THAT(ScanTexts(), SizeIs(4));
  EXPECT_THAT(sink_.losses(), ElementsAre("tracking/evicted: 2"));
  EXPECT_EQ(scanner_->statistics().tracked, 2u);
  EXPECT_EQ(scanner_->statistics().untracked, 2u);
  EXPECT_THAT(ScanTexts(), IsEmpty()) << "no flapping";
  proc_.Remove(10);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_STOP);
  EXPECT_TRUE(events[0].process().details_missing());
  EXPECT_FALSE(events[0].process().process_key().empty());
  proc_.Remove(12);
  EXPECT_THAT(ScanTexts(), ElementsAre("STOP 12 p12"));
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 11 p11")) << "there is room again";
  EXPECT_EQ(sink_.losses().size(), 1u);
}

TEST_F(ProcessScannerTest, KeepsItsByteBound) {
  config_.max_tracked_bytes = 1 << 20;
  auto process = Process(10, "large");
  process.cmdline = std::string(60 << 10, 'x');
  for (int pid = 10; pid < 40; ++pid) {
    process.pid = pid;
    proc_.Put(process);
  }
  Scan();
  EXPECT_LE(scanner_->statistics().tracked_bytes, config_.max_tracked_bytes);
  EXPECT_EQ(scanner_->statistics().tracked + scanner_->statistics().untracked, 30u);
}

TEST_F(ProcessScannerTest, AnnouncesAgainWhatWasShed) {
  proc_.Put(Process(10, "ended"));
  Scan();
  sink_.Take();
  sink_.SetAnswer(absl::ResourceExhaustedError("full"));
  proc_.Put(Process(42, "lost", absl::ZeroDuration()));
  proc_.Remove(10);
  Scan();
  sink_.SetAnswer(absl::OkStatus());
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_STOP);
  EXPECT_EQ(events[0].process().pid(), 10u);
  EXPECT_TRUE(events[0].process().reconciled());
  EXPECT_EQ(events[1].process().action(), v1::PROCESS_ACTION_SNAPSHOT);
  EXPECT_EQ(events[1].process().name(), "lost");
  EXPECT_THAT(ScanTexts(), IsEmpty());
}

TEST_F(ProcessScannerTest, LeavesOutWhatIsNotWanted) {
  config_.collect_enhanced_metadata = false;
  auto process = Process(42, "plain");
  process.cgroup = "0::/system.slice/x.service\n";
  proc_.Put(process);
  const v1::ProcessEvent plain = ScanEvents()[0].process();
  EXPECT_FALSE(plain.has_cpu_usage_percent() || plain.has_memory_usage_bytes() ||
               plain.has_start_time() || plain.has_user_name() || plain.has_cgroup_path() ||
               plain.has_namespaces() || plain.has_capabilities());
  EXPECT_TRUE(plain.has_process_key());
  EXPECT_TRUE(plain.has_user_id());
}

TEST_F(ProcessScannerTest, WithoutLifecycleKeepsStateButTellsNoChange) {
  config_.track_process_lifecycle = false;
  Scan();
  auto process = Process(42, "quiet", absl::ZeroDuration());
  proc_.Put(process);
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 42 quiet"));
  process.comm = "renamed";
  proc_.Put(process);
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 42 renamed"));
  EXPECT_EQ(sink_.filtered(), 2u);
  proc_.Remove(42);
  EXPECT_THAT(ScanTexts(), ElementsAre("STOP 42 renamed"));
}

TEST_F(ProcessScannerTest, KernelWorkersKeepTheirNameWhateverTheyDo) {
  auto worker = Process(42, "kworker/0:1-events");
  worker.flags = 0x00200020;
  worker.exe = "";
  worker.cmdline = "";
  proc_.Put(worker);
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 42 kworker/0:1"));
  worker.comm = "kworker/0:1+flush-254:0";
  proc_.Put(worker);
  EXPECT_THAT(ScanTexts(), IsEmpty());
}

TEST_F(ProcessScannerTest, RedactsAndEscapesAndBounds) {
  auto process = Process(42, "bad\xff");
  process.cmdline = std::string("x\0--password\0hunter2\0", 21) + std::string(70 << 10, 'y');
  proc_.Put(process);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(events[0].escaped());
  EXPECT_EQ(events[0].process().name(), "bad\\xff");
  EXPECT_TRUE(events[0].truncated());
  EXPECT_GE(events[0].truncated_bytes(), 6u << 10);
  EXPECT_EQ(events[0].process().command_line(2), "[redacted]");
  EXPECT_EQ(scanner_->tracker().text_counts.redactions, 1u);
  EXPECT_EQ(scanner_->tracker().text_counts.truncated_command_lines, 1u);
  EXPECT_EQ(events[0].DebugString().find("hunter2"), std::string::npos);
}

TEST_F(ProcessScannerTest, OneBadProcessDoesNotHideTheOthers) {
  proc_.Put(Process(10, "good"));
  proc_.Put(Process(42, "broken"));
  proc_.WriteFile("42/stat", "42 (broken");
  EXPECT_THAT(ScanTexts(), ElementsAre("SNAPSHOT 10 good"));
  EXPECT_TRUE(last_status_.ok());
  EXPECT_EQ(scanner_->statistics().unreadable, 1u);
}

TEST_F(ProcessScannerTest, AProcessThatEndsWhileItIsReadIsStartedAndStopped) {
  Scan();
  auto process = Process(42, "brief", absl::ZeroDuration());
  proc_.Put(process);
  proc_.RemovePath("42/status");
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(events[0].process().details_missing());
  EXPECT_EQ(scanner_->statistics().vanished, 1u);
  proc_.Remove(42);
  EXPECT_THAT(ScanTexts(), ElementsAre("STOP 42 brief"));
}

TEST_F(ProcessScannerTest, MarksWhatTheSuiteSpawnedByIdentity) {
  Scan();
  auto process = Process(42, "canary", absl::ZeroDuration());
  process.exe = "/tmp/canary";
  proc_.Put(process);
  Make();
  scanner_->tracker().own.Add(fs_, 42);
  const auto events = ScanEvents();
  ASSERT_THAT(events, SizeIs(1)) << "no rule looks at it";
  EXPECT_TRUE(events[0].process().own());
  proc_.Put(Process(42, "another", -absl::Seconds(1)));
  EXPECT_THAT(ScanTexts(), ElementsAre("STOP 42 canary", "START 42 another"));
}

TEST_F(ProcessScannerTest, AnImageChangedWithoutExecIsSuspicious) {
  const std::string directory = std::getenv("TEST_TMPDIR");
  for (const char* name : {"/before", "/after"}) std::ofstream(directory + name) << name;
  auto process = Process(42, "daemon");
  process.exe = directory + "/before";
  proc_.Put(process);
  Scan();
  sink_.Take();
  process.exe = directory + "/after";
  proc_.Put(process);
  const auto events = ScanEvents();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].process().action(), v1::PROCESS_ACTION_MODIFIED);
  EXPECT_EQ(events[0].process().exec_count(), 0u);
  EXPECT_THAT(events, Contains(testing::Truly([](const v1::CollectionEvent& event) {
                const v1::Suspicion& suspicion = event.process().suspicion();
                return suspicion.rule() == "executable_changed" &&
                       suspicion.severity() == v1::SEVERITY_HIGH;
              })));
}

TEST_F(ProcessScannerTest, AStoppedScanForgetsNothing) {
  proc_.Put(Process(10, "a"));
  Scan();
  sink_.Take();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(scanner_->Scan(stop.get_token(), sink_)));
  EXPECT_THAT(sink_.TakeTexts(), IsEmpty());
  EXPECT_THAT(ScanTexts(), IsEmpty());
}

}  // namespace
}  // namespace daemoneye::process
