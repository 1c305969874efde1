// LiveSourceTest: a source that tells things as they happen, real children, and what it tells of
// them. For tests, as root.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/collector/event_source.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/executable_hasher.h"
#include "libs/sources/process/gated_sink.h"
#include "libs/sources/process/process_tracker.h"

namespace daemoneye::process {

class LiveSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root and the initial namespaces";
  }
  // Derived tests own the source.
  void TearDown() override { sink_.SetOpen(true); }

  // Runs `body` in a child, whose exit code it is.
  static pid_t StartChild(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(body());
    return pid;
  }
  static int Exec(const std::vector<std::string>& arguments) {
    std::vector<char*> pointers;
    for (const std::string& argument : arguments) {
      pointers.push_back(const_cast<char*>(argument.c_str()));
    }
    pointers.push_back(nullptr);
    ::execv(pointers[0], pointers.data());
    return 127;
  }
  static int WaitFor(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }
  static int RunToEnd(const std::function<int()>& body) { return WaitFor(StartChild(body)); }

  // What `source` tells of `pid` of all that happened until now, suspicions left out.
  std::vector<v1::CollectionEvent> Told(collector::EventSource& source, pid_t pid) {
    using base::operator+;
    const absl::Status told = source.Refresh(clock_.MonotonicNow() + absl::Seconds(20));
    EXPECT_TRUE(told.ok()) << told;
    for (v1::CollectionEvent& event : sink_.Take()) all_.push_back(std::move(event));
    std::vector<v1::CollectionEvent> events;
    for (const v1::CollectionEvent& event : all_) {
      const bool is_of_life = event.process().action() != v1::PROCESS_ACTION_SUSPICIOUS;
      if (is_of_life && event.process().pid() == static_cast<uint32_t>(pid)) {
        events.push_back(event);
      }
    }
    return events;
  }
  // As "START".
  static std::vector<std::string> Actions(const std::vector<v1::CollectionEvent>& events) {
    std::vector<std::string> actions;
    for (const v1::CollectionEvent& event : events) {
      constexpr size_t kPrefix = sizeof("PROCESS_ACTION_") - 1;
      actions.push_back(v1::ProcessAction_Name(event.process().action()).substr(kPrefix));
    }
    return actions;
  }

  base::Clock& clock_ = base::Clock::Real();
  const procfs::ProcFs fs_ = *procfs::ProcFs::Open("/proc");
  ExecutableHasher hasher_{fs_, HashLimits{}, clock_};
  ProcessTracker tracker_{fs_, ProcessSourceConfig{}, hasher_, clock_};
  GatedSink sink_{clock_};
  std::vector<v1::CollectionEvent> all_;
};

}  // namespace daemoneye::process
