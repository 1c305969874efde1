#include "tools/bench/exec_tally.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace daemoneye::bench {
namespace {

constexpr pid_t kWorker = 77;

// The events of runs, in a tally of two.
class ExecTallyTest : public ::testing::Test {
 protected:
  v1::ProcessEvent& Next(v1::ProcessAction action, const std::string& key) {
    event_.Clear();
    v1::ProcessEvent& process = *event_.mutable_process();
    process.set_action(action);
    process.set_process_key(key);
    process.set_ppid(kWorker);
    if (action == v1::PROCESS_ACTION_STOP) process.set_exit_code(0);
    return process;
  }
  void Tell() { tally_.Add(event_, absl::UnixEpoch() + absl::Milliseconds(3)); }
  void Tell(v1::ProcessAction action, const std::string& key, const std::string& mark = "MARK0") {
    v1::ProcessEvent& process = Next(action, key);
    process.add_command_line(action == v1::PROCESS_ACTION_START ? "worker" : "/bin/true");
    process.add_command_line(mark);
    Tell();
  }
  void TellRun(const std::string& key, const std::string& mark) {
    Tell(v1::PROCESS_ACTION_START, key, mark);
    Tell(v1::PROCESS_ACTION_EXEC, key, mark);
    Tell(v1::PROCESS_ACTION_STOP, key, mark);
  }
  ExecVerdict Verdict() const { return tally_.Verdict({kWorker}); }

  v1::CollectionEvent event_;
  ExecTally tally_{2};
};

TEST_F(ExecTallyTest, FindsNoFaultWhereEachIsToldOnce) {
  Tell(v1::PROCESS_ACTION_START, "of somebody else");
  TellRun("a", "MARK0");
  TellRun("b", "MARK1");
  Tell(v1::PROCESS_ACTION_STOP, "of somebody else");
  EXPECT_EQ(Verdict().faults(), 0u) << Verdict().Text();
  EXPECT_EQ(tally_.Faults({kWorker}), "");
  EXPECT_EQ(tally_.ended(), 2u);
  EXPECT_EQ(tally_.events(), 6u);
  EXPECT_EQ(tally_.delays_ms(), std::vector<double>({3, 3}));
}

TEST_F(ExecTallyTest, CountsWhatIsMissing) {
  TellRun("a", "MARK0");
  Tell(v1::PROCESS_ACTION_START, "b");
  Tell(v1::PROCESS_ACTION_EXEC, "b", "MARK1");
  EXPECT_EQ(Verdict().missing, 1u);
  EXPECT_EQ(tally_.Faults({kWorker}), "MARK1: START 1 EXEC 1 STOP 0\n");
  EXPECT_EQ(ExecTally(2).Verdict({}).missing, 6u);
}

TEST_F(ExecTallyTest, CountsEachThatIsToldTwice) {
  Tell(v1::PROCESS_ACTION_START, "a");
  TellRun("a", "MARK0");
  TellRun("b", "MARK1");
  TellRun("b", "MARK1");
  EXPECT_EQ(Verdict().missing, 0u);
  EXPECT_EQ(Verdict().twice, 4u);
}

TEST_F(ExecTallyTest, CountsAnotherParentExitCodeOrOrder) {
  TellRun("a", "MARK0");
  TellRun("b", "MARK1");
  EXPECT_EQ(tally_.Verdict({kWorker, kWorker + 1}).wrong, 1u);

  Next(v1::PROCESS_ACTION_STOP, "a").set_exit_code(1);
  Tell();
  EXPECT_EQ(Verdict().wrong, 1u);
}

TEST_F(ExecTallyTest, DoesNotTakeOtherArgumentsForARun) {
  Tell(v1::PROCESS_ACTION_EXEC, "a", "MARK");
  Tell(v1::PROCESS_ACTION_EXEC, "b", "MARK0x");
  Tell(v1::PROCESS_ACTION_EXEC, "c", "MARK2");
  Tell(v1::PROCESS_ACTION_EXEC, "d", "KRAM0");
  EXPECT_EQ(tally_.events(), 0u);
  Tell(v1::PROCESS_ACTION_EXEC, "e", "MARK0");
  EXPECT_EQ(Verdict().wrong, 1u) << "an EXEC without START";
}

TEST_F(ExecTallyTest, SumsUpTheLossesThatAreTold) {
  event_.mutable_loss()->set_count(7);
  Tell();
  EXPECT_EQ(Verdict().told_lost, 7u);
}

}  // namespace
}  // namespace daemoneye::bench
