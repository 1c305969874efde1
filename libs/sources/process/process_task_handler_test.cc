#include "libs/sources/process/process_task_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "libs/base/fake_clock.h"
#include "libs/linux/procfs/fake_proc.h"

namespace daemoneye::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProcessTaskHandlerTest : public testing::Test {
 protected:
  ProcessTaskHandlerTest()
      : fs_(*procfs::ProcFs::Open(proc_.root())),
        hasher_(fs_, HashLimits{}, clock_),
        handler_(fs_, ProcessSourceConfig{}, hasher_, clock_) {
    Put(10, 1, "shell");
    Put(20, 10, "child");
    Put(15, 20, "grandchild");  // a pid below its parent's
    Put(30, 1, "other");
  }

  void Put(pid_t pid, pid_t ppid, const std::string& name) {
    procfs::FakeProcess process;
    process.pid = pid;
    process.ppid = ppid;
    process.comm = name;
    process.exe = std::filesystem::read_symlink("/proc/self/exe");
    proc_.Put(process);
  }

  // Does `type` to the processes of those names, or to all.
  absl::Status Run(v1::TaskType type, const std::vector<std::string>& names = {}) {
    records_.clear();
    completeness_.Clear();
    const auto is_named = [&](event::Event& record) {
      return names.empty() || std::ranges::count(names, record.process().name()) > 0;
    };
    return handler_.Run(
        type, is_named, {},
        [&](event::Event event) {
          records_.push_back(event);
          return ++emitted_ != limit_;
        },
        &completeness_);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& record : records_) names.push_back(record.process().name());
    return names;
  }

  procfs::FakeProc proc_;
  base::FakeClock clock_{absl::FromUnixSeconds(procfs::FakeProc::kBootTimeSeconds + 3600)};
  procfs::ProcFs fs_;
  ExecutableHasher hasher_;
  ProcessTaskHandler handler_;
  std::vector<event::Event> records_;
  v1::Completeness completeness_;
  int emitted_ = 0;
  int limit_ = -1;
};

TEST_F(ProcessTaskHandlerTest, EnumeratesAllOrTheSelected) {
  ASSERT_TRUE(Run(v1::TASK_TYPE_ENUMERATE_PROCESSES).ok());
  EXPECT_THAT(Names(), ElementsAre("shell", "grandchild", "child", "other"));
  EXPECT_TRUE(completeness_.complete());
  EXPECT_EQ(records_[1].process().parent_name(), "child");
  ASSERT_TRUE(Run(v1::TASK_TYPE_ENUMERATE_PROCESSES, {"child"}).ok());
  EXPECT_THAT(Names(), ElementsAre("child"));
}

TEST_F(ProcessTaskHandlerTest, FollowsATreeWhateverTheOrderOfPids) {
  ASSERT_TRUE(Run(v1::TASK_TYPE_MONITOR_PROCESS_TREE, {"shell"}).ok());
  EXPECT_THAT(Names(), ElementsAre("shell", "grandchild", "child"));
}

TEST_F(ProcessTaskHandlerTest, FollowsATreeUpToInit) {
  Put(1, 0, "init");
  Put(25, 15, "leaf");
  // Not of it: a sibling of an ancestor.
  Put(40, 10, "sibling");
  ASSERT_TRUE(Run(v1::TASK_TYPE_MONITOR_PROCESS_TREE, {"grandchild"}).ok());
  EXPECT_THAT(Names(), ElementsAre("init", "shell", "grandchild", "child", "leaf"));
  EXPECT_TRUE(completeness_.complete());
}

TEST_F(ProcessTaskHandlerTest, ParentsThatGoRoundInACircleEnd) {
  Put(50, 51, "one");
  Put(51, 50, "two");
  ASSERT_TRUE(Run(v1::TASK_TYPE_MONITOR_PROCESS_TREE, {"one"}).ok());
  EXPECT_THAT(Names(), ElementsAre("one", "two"));
}

TEST_F(ProcessTaskHandlerTest, WhatIsOutOfReachCountsOnlyWhereItIsAskedFor) {
  // A link that cannot be read, as another user's.
  proc_.RemovePath("30/exe");
  proc_.WriteFile("30/exe", "");
  ASSERT_TRUE(Run(v1::TASK_TYPE_ENUMERATE_PROCESSES, {"shell"}).ok());
  EXPECT_TRUE(completeness_.complete()) << completeness_.ShortDebugString();
  ASSERT_TRUE(Run(v1::TASK_TYPE_ENUMERATE_PROCESSES, {"shell", "other"}).ok());
  EXPECT_FALSE(completeness_.complete());
}

TEST_F(ProcessTaskHandlerTest, HashesRunningImages) {
  ASSERT_TRUE(Run(v1::TASK_TYPE_CHECK_PROCESS_HASH, {"shell"}).ok());
  ASSERT_EQ(records_.size(), 1u);
  EXPECT_EQ(records_[0].process().hash_state(), v1::HASH_STATE_AVAILABLE);
  EXPECT_EQ(records_[0].process().executable_hash().size(), 64u);
  EXPECT_TRUE(completeness_.complete());
}

TEST_F(ProcessTaskHandlerTest, VerifiesOnlyWhatHasAnImage) {
  proc_.RemovePath("30/exe");
  proc_.WriteLink("20/exe", "/nowhere/at/all");
  ASSERT_TRUE(Run(v1::TASK_TYPE_VERIFY_EXECUTABLE).ok());
  EXPECT_THAT(Names(), ElementsAre("shell", "grandchild"));
}

TEST_F(ProcessTaskHandlerTest, SaysWhatItCouldNotRead) {
  proc_.WriteFile("30/stat", "broken");
  ASSERT_TRUE(Run(v1::TASK_TYPE_ENUMERATE_PROCESSES).ok());
  EXPECT_EQ(records_.size(), 3u);
  EXPECT_FALSE(completeness_.complete());
  EXPECT_THAT(completeness_.reasons(), ElementsAre("1 processes could not be read"));
}

TEST_F(ProcessTaskHandlerTest, EndsWhenTheCallerHasGone) {
  limit_ = 2;
  EXPECT_EQ(Run(v1::TASK_TYPE_ENUMERATE_PROCESSES).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(records_.size(), 2u);
}

TEST_F(ProcessTaskHandlerTest, RefusesWhatItCannotDoByName) {
  EXPECT_THAT(Run(v1::TASK_TYPE_TRACK_FILE_OPERATIONS).ToString(), HasSubstr("task_type"));
  EXPECT_THAT(records_, IsEmpty());
}

}  // namespace
}  // namespace daemoneye::process
