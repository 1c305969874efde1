// The live source and the scans beside it on the real kernel: nothing lost without a word, nothing
// told twice, and what was lost repaired. As root.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/test_child.h"
#include "libs/sources/process/exec_source.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/process_tracker.h"
#include "libs/sources/process/scan_source.h"

namespace daemoneye::process {
namespace {

using base::operator+;
using procfs::TestChild;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Keeps the events of processes; has room while its gate is open.
class GatedSink final : public collector::EventSink {
 public:
  absl::Status Emit(event::EventList events) override {
    base::MutexLock lock(mu_);
    if (!answer_.ok()) return answer_;
    for (event::Event& event : events) {
      if (!event::IsSample(event)) events_.push_back(std::move(event));
    }
    changed_.NotifyAll();
    return absl::OkStatus();
  }
  bool AwaitRoom(base::Monotonic deadline) override {
    base::MutexLock lock(mu_);
    while (!is_open_ && base::Clock::Real().MonotonicNow() < deadline) {
      changed_.WaitUntil(mu_, deadline);
    }
    return is_open_;
  }
  void ReportLoss(std::string_view stage, std::string_view,
                  std::optional<uint64_t> count) override {
    base::MutexLock lock(mu_);
    EXPECT_EQ(stage, "kernel_ring");
    lost_ += count.value_or(0);
    changed_.NotifyAll();
  }
  void CountFiltered(uint64_t) override {}
  void ReportFailure(absl::Status status) override {
    base::MutexLock lock(mu_);
    failure_ = std::move(status);
    changed_.NotifyAll();
  }

  // What Emit answers from now on.
  void SetAnswer(absl::Status answer) {
    base::MutexLock lock(mu_);
    answer_ = std::move(answer);
  }
  absl::Status failure() const {
    base::MutexLock lock(mu_);
    return failure_;
  }

  void SetOpen(bool is_open) {
    base::MutexLock lock(mu_);
    is_open_ = is_open;
    changed_.NotifyAll();
  }
  // Waits until `is_done` holds of all events so far.
  bool Await(const std::function<bool(const event::EventList&)>& is_done) {
    const base::Monotonic deadline = base::Clock::Real().MonotonicNow() + kPatience;
    base::MutexLock lock(mu_);
    while (!is_done(events_)) {
      if (!changed_.WaitUntil(mu_, deadline)) return false;
    }
    return true;
  }
  event::EventList events() const {
    base::MutexLock lock(mu_);
    return events_;
  }
  uint64_t lost() const {
    base::MutexLock lock(mu_);
    return lost_;
  }

 private:
  mutable base::Mutex mu_;
  base::CondVar changed_;
  event::EventList events_ GUARDED_BY(mu_);
  uint64_t lost_ GUARDED_BY(mu_) = 0;
  absl::Status answer_ GUARDED_BY(mu_);
  absl::Status failure_ GUARDED_BY(mu_);
  bool is_open_ GUARDED_BY(mu_) = true;
};

// Runs /bin/true MARKn for each n below `count`, eight at a time; returns when all have ended.
void RunMarked(int count) {
  std::vector<pid_t> spawners;
  for (int at = 0; at < 8; ++at) {
    const pid_t spawner = ::fork();
    if (spawner != 0) {
      spawners.push_back(spawner);
      continue;
    }
    for (int i = at; i < count; i += 8) {
      std::string name = "/bin/true", mark = fmt::format("MARK{}", i);
      char* const arguments[] = {name.data(), mark.data(), nullptr};
      pid_t pid = 0;
      if (::posix_spawn(&pid, name.c_str(), nullptr, nullptr, arguments, environ) != 0) ::_exit(1);
      ::waitpid(pid, nullptr, 0);
    }
    ::_exit(0);
  }
  for (const pid_t spawner : spawners) ::waitpid(spawner, nullptr, 0);
}

// The number of a marked process's EXEC; -1: another event.
int MarkOf(const event::Event& event) {
  const v1::ProcessEvent& process = event.process();
  if (process.action() != v1::PROCESS_ACTION_EXEC || process.command_line_size() != 2) return -1;
  const std::string_view text = process.command_line(1);
  int number = -1;
  if (!text.starts_with("MARK")) return -1;
  std::from_chars(text.data() + 4, text.data() + text.size(), number);
  return number;
}

class ExecSourceKernelTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }

  void StartSources(size_t ring_bytes) {
    config_.detect_suspicious_events = false;
    tracker_ = std::make_unique<ProcessTracker>(fs_, config_, hasher_, clock_);
    exec_ = std::make_unique<ExecSource>(*tracker_, ring_bytes, clock_);
    scan_ = std::make_unique<ScanSource>(*tracker_, ScanSource::Reader::kAuto, clock_);
    ASSERT_EQ(exec_->Start(sink_), absl::OkStatus());
    ASSERT_EQ(scan_->Start(sink_), absl::OkStatus());
    ASSERT_EQ(scan_->kernel_reader(), absl::OkStatus());
  }
  void TearDown() override {
    if (scan_ != nullptr) scan_->Stop();
    if (exec_ != nullptr) exec_->Stop();
  }

  // How often each action was told of the process with `key`.
  std::map<v1::ProcessAction, int> ToldOf(const std::string& key) const {
    std::map<v1::ProcessAction, int> told;
    for (const event::Event& event : sink_.events()) {
      if (event.process().process_key() == key) ++told[event.process().action()];
    }
    return told;
  }
  static bool Holds(const event::EventList& events, uint32_t pid, v1::ProcessAction action) {
    return std::any_of(events.begin(), events.end(), [&](const event::Event& event) {
      return event.process().pid() == pid && event.process().action() == action;
    });
  }

  base::Clock& clock_ = base::Clock::Real();
  procfs::ProcFs fs_ = *procfs::ProcFs::Open("/proc");
  ExecutableHasher hasher_{fs_, HashLimits{}, clock_};
  ProcessSourceConfig config_;
  GatedSink sink_;
  std::unique_ptr<ProcessTracker> tracker_;
  std::unique_ptr<ExecSource> exec_;
  std::unique_ptr<ScanSource> scan_;
};

TEST_F(ExecSourceKernelTest, TellsEachOfManyOnceWhileScansGoOnBeside) {
  StartSources(8 << 20);
  constexpr int kCount = 1000;
  const base::Thread scans("scans", [&](const std::stop_token& stop) {
    do {
      tracker_->live.RequestScan();
    } while (clock_.SleepFor(absl::Milliseconds(5), stop));
  });
  RunMarked(kCount);
  std::map<int, std::string> keys;
  ASSERT_TRUE(sink_.Await([&](const event::EventList& events) {
    std::map<std::string, bool> has_stopped;
    for (const event::Event& event : events) {
      if (const int mark = MarkOf(event); mark >= 0) keys[mark] = event.process().process_key();
      if (event.process().action() == v1::PROCESS_ACTION_STOP) {
        has_stopped[event.process().process_key()] = true;
      }
    }
    return keys.size() == kCount && std::all_of(keys.begin(), keys.end(), [&](const auto& mark) {
             return has_stopped.contains(mark.second);
           });
  }));
  std::map<std::string, std::vector<event::Event>> told;
  for (event::Event& event : sink_.events()) told[event.process().process_key()].push_back(event);
  for (const auto& [mark, key] : keys) {
    const std::vector<event::Event>& life = told[key];
    ASSERT_EQ(life.size(), 3u) << "mark=" << mark << " " << life.back().ShortDebugString();
    EXPECT_EQ(life[0].process().action(), v1::PROCESS_ACTION_START);
    EXPECT_EQ(life[1].process().action(), v1::PROCESS_ACTION_EXEC);
    EXPECT_EQ(life[2].process().action(), v1::PROCESS_ACTION_STOP);
    EXPECT_FALSE(life[0].process().first_image());
    EXPECT_TRUE(life[1].process().first_image());
    EXPECT_EQ(life[1].process().exec_count(), 1u);
    EXPECT_EQ(life[2].process().exit_code(), 0);
    for (const event::Event& event : life) {
      EXPECT_EQ(event.source(), "process-exec");
      EXPECT_FALSE(event.process().reconciled());
      EXPECT_EQ(event.process().parent_key(), life[0].process().parent_key());
    }
  }
  EXPECT_EQ(sink_.lost(), 0u);
}

TEST_F(ExecSourceKernelTest, WhatTheRingLostIsCountedAndRepaired) {
  StartSources(4096);
  sink_.SetOpen(false);
  RunMarked(50);
  std::vector<std::unique_ptr<TestChild>> children;
  for (int i = 0; i < 20; ++i) {
    children.push_back(std::make_unique<TestChild>(TestChild::ProgramPath()));
  }
  sink_.SetOpen(true);
  const std::string program = std::filesystem::path(TestChild::ProgramPath()).filename();
  ASSERT_TRUE(sink_.Await([&](const event::EventList& events) {
    return std::all_of(children.begin(), children.end(), [&](const auto& child) {
      return std::any_of(events.begin(), events.end(), [&](const event::Event& event) {
        return event.process().pid() == static_cast<uint32_t>(child->pid()) &&
               event.process().executable_path().ends_with(program);
      });
    });
  })) << "the table is right again";
  std::map<uint32_t, std::string> keys;
  int repaired = 0;
  for (const event::Event& event : sink_.events()) {
    keys[event.process().pid()] = event.process().process_key();
    repaired += event.process().reconciled();
  }
  EXPECT_GT(repaired, 0);
  const auto pid_of = [&](size_t i) { return static_cast<uint32_t>(children[i]->pid()); };
  for (size_t i = 0; i < children.size(); ++i) {
    auto told = ToldOf(keys[pid_of(i)]);
    EXPECT_EQ(told[v1::PROCESS_ACTION_START], 1) << pid_of(i);
    EXPECT_LE(told[v1::PROCESS_ACTION_EXEC], 1) << pid_of(i);
    EXPECT_EQ(told[v1::PROCESS_ACTION_STOP], 0) << pid_of(i);
  }
  // Ends that are lost are found, too.
  sink_.SetOpen(false);
  std::vector<uint32_t> pids;
  for (size_t i = 0; i < children.size(); ++i) pids.push_back(pid_of(i));
  children.clear();
  sink_.SetOpen(true);
  ASSERT_TRUE(sink_.Await([&](const event::EventList& events) {
    return std::all_of(pids.begin(), pids.end(),
                       [&](uint32_t pid) { return Holds(events, pid, v1::PROCESS_ACTION_STOP); });
  }));
  for (const uint32_t pid : pids) {
    EXPECT_EQ(ToldOf(keys[pid])[v1::PROCESS_ACTION_STOP], 1) << pid;
  }
  const std::optional<bpf::ProbeCounters> counters = exec_->counters();
  ASSERT_TRUE(counters.has_value());
  const uint64_t counted =
      counters->fork.lost_count() + counters->exec.lost_count() + counters->exit.lost_count();
  EXPECT_GT(counted, 0u);
  ASSERT_EQ(exec_->Refresh(clock_.MonotonicNow() + kPatience), absl::OkStatus());
  EXPECT_EQ(sink_.lost(), counted);
}

TEST_F(ExecSourceKernelTest, WhatKeepsItFromTellingIsItsHealth) {
  StartSources(1 << 20);
  EXPECT_EQ(exec_->HealthCheck().status, absl::OkStatus());
  sink_.SetAnswer(absl::InternalError("no more"));
  RunMarked(8);
  // Its reader has ended, so it answers nobody.
  EXPECT_FALSE(exec_->Refresh(clock_.MonotonicNow() + absl::Seconds(1)).ok());
  EXPECT_EQ(sink_.failure(), absl::InternalError("no more"));
  EXPECT_EQ(exec_->HealthCheck().status, absl::InternalError("no more"));
  sink_.SetAnswer(absl::OkStatus());
  exec_->Stop();
  ASSERT_EQ(exec_->Start(sink_), absl::OkStatus());
  EXPECT_EQ(exec_->HealthCheck().status, absl::OkStatus());
}

TEST_F(ExecSourceKernelTest, StartedAgainItTellsWhatEndedMeanwhile) {
  StartSources(1 << 20);
  auto child = std::make_unique<TestChild>(TestChild::ProgramPath());
  const auto pid = static_cast<uint32_t>(child->pid());
  ASSERT_TRUE(sink_.Await(
      [&](const event::EventList& events) { return Holds(events, pid, v1::PROCESS_ACTION_EXEC); }));
  exec_->Stop();
  EXPECT_FALSE(exec_->HealthCheck().status.ok());
  child.reset();
  TestChild other(TestChild::ProgramPath());
  ASSERT_EQ(exec_->Start(sink_), absl::OkStatus());
  ASSERT_TRUE(sink_.Await([&](const event::EventList& events) {
    return Holds(events, pid, v1::PROCESS_ACTION_STOP) &&
           Holds(events, static_cast<uint32_t>(other.pid()), v1::PROCESS_ACTION_START);
  }));
}

}  // namespace
}  // namespace daemoneye::process
