// Each case runs in a child, since what is given up is gone; what the child has then is read from
// its /proc/PID/status by the test.

#include "libs/linux/privilege/privileges.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libs/base/thread.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::privilege {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr uid_t kNobody = 65534;
constexpr CapabilitySet kTwo = {Capability::kPerfmon, Capability::kSysPtrace};

// The lines of a status file that tell of privileges, by their names.
std::map<std::string, std::string> StatusOf(const std::filesystem::path& path) {
  std::map<std::string, std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(":\t");
    if (colon == line.npos) continue;
    const std::string name = line.substr(0, colon);
    if (name.starts_with("Cap") || name == "NoNewPrivs") lines[name] = line.substr(colon + 2);
  }
  return lines;
}

std::map<std::string, std::string> Expected(CapabilitySet kept, CapabilitySet bounding) {
  const auto text = [](CapabilitySet set) { return fmt::format("{:016x}", set.bits()); };
  return {{"CapInh", text({})}, {"CapPrm", text(kept)},     {"CapEff", text(kept)},
          {"CapAmb", text({})}, {"CapBnd", text(bounding)}, {"NoNewPrivs", "1"}};
}

// What `child` says, and the status files of its threads as they are when it has said it.
struct Seen {
  std::string said;
  std::vector<std::map<std::string, std::string>> threads;
};

Seen InChild(const std::function<std::string()>& child) {
  int up[2], down[2];
  if (::pipe2(up, O_CLOEXEC) != 0 || ::pipe2(down, O_CLOEXEC) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(up[0]);
    ::close(down[1]);
    const std::string text = child();
    if (::write(up[1], text.data(), text.size()) < 0) ::_exit(1);
    ::close(up[1]);
    char byte;
    ::_exit(::read(down[0], &byte, 1) == 0 ? 0 : 1);  // waits for the test
  }
  ::close(up[1]);
  ::close(down[0]);
  const base::UniqueFd from(up[0]);
  base::UniqueFd to(down[1]);
  Seen seen;
  char buffer[4096];
  for (ssize_t count; (count = ::read(from.get(), buffer, sizeof(buffer))) > 0;) {
    seen.said.append(buffer, static_cast<size_t>(count));
  }
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid))) {
    seen.threads.push_back(StatusOf(task.path() / "status"));
  }
  to.Reset();
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  return seen;
}

std::string Drop(CapabilitySet needed) {
  const absl::StatusOr<Privileges> dropped = DropPrivileges(needed);
  return dropped.ok() ? dropped->permitted.ToString() : dropped.status().ToString();
}

// Becomes nobody, with `kept` permitted and nothing effective: as a program without the effective
// bit among its file capabilities begins.
void BecomeNobody(CapabilitySet kept) {
  std::vector<cap_value_t> values;
  for (cap_value_t value = 0; value < 64; ++value) {
    if ((kept.bits() >> static_cast<unsigned>(value) & 1) != 0) values.push_back(value);
  }
  cap_t state = ::cap_init();
  ::cap_set_flag(state, CAP_PERMITTED, static_cast<int>(values.size()), values.data(), CAP_SET);
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::setgroups(0, nullptr) != 0 ||
      ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0 || ::cap_set_proc(state) != 0) {
    ::_exit(2);
  }
  ::cap_free(state);
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

class PrivilegesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has something to give up";
    absl::StatusOr<Privileges> now = ReadPrivileges();
    ASSERT_TRUE(now.ok()) << now.status();
    now_ = *now;
    if ((kTwo - now_.permitted) != CapabilitySet() ||
        !now_.permitted.Contains(Capability::kSetpcap)) {
      GTEST_SKIP() << "this root has too few capabilities: " << now_.permitted.ToString();
    }
  }

  Privileges now_;
};

TEST_F(PrivilegesTest, ReadsWhatTheKernelSays) {
  const auto lines = StatusOf("/proc/self/status");
  EXPECT_EQ(lines.at("CapPrm"), fmt::format("{:016x}", now_.permitted.bits()));
  EXPECT_EQ(lines.at("CapEff"), fmt::format("{:016x}", now_.effective.bits()));
  EXPECT_EQ(lines.at("CapInh"), fmt::format("{:016x}", now_.inheritable.bits()));
  EXPECT_EQ(lines.at("CapBnd"), fmt::format("{:016x}", now_.bounding.bits()));
  EXPECT_EQ(lines.at("CapAmb"), fmt::format("{:016x}", now_.ambient.bits()));
  EXPECT_EQ(lines.at("NoNewPrivs"), now_.has_no_new_privileges ? "1" : "0");
  EXPECT_EQ(now_.user_id, 0u);
}

TEST_F(PrivilegesTest, RootKeepsWhatIsNeededInEveryThread) {
  const Seen seen = InChild([] {
    std::string said = Drop(kTwo);
    // As long as the child: it ends without destructors.
    static base::Thread first("one", [](std::stop_token) { ::pause(); });
    static base::Thread second("two", [](std::stop_token) { ::pause(); });
    return said;
  });
  EXPECT_EQ(seen.said, "cap_sys_ptrace,cap_perfmon");
  EXPECT_THAT(seen.threads, AllOf(SizeIs(3), Each(Expected(kTwo, {}))));
}

TEST_F(PrivilegesTest, RootThatNeedsNoneKeepsNoneAndNothingComesBackByExec) {
  const Seen seen = InChild([] {
    const std::string said = Drop({});
    int output[2];
    if (::pipe(output) != 0) return std::string("no pipe");
    if (::fork() == 0) {
      ::dup2(output[1], STDOUT_FILENO);
      ::execl("/bin/grep", "grep", "CapEff", "/proc/self/status", nullptr);
      ::_exit(127);
    }
    char buffer[256];
    const ssize_t count = ::read(output[0], buffer, sizeof(buffer));
    int status = 0;
    ::wait(&status);
    return said + "; " + std::string(buffer, count > 0 ? static_cast<size_t>(count) : 0);
  });
  EXPECT_EQ(seen.said, "none; CapEff:\t0000000000000000\n");
  EXPECT_THAT(seen.threads, Each(Expected({}, {})));
}

TEST_F(PrivilegesTest, WhatIsNotPermittedIsNotGained) {
  const Seen seen = InChild([] {
    BecomeNobody({Capability::kPerfmon});
    return Drop(kTwo);
  });
  EXPECT_EQ(seen.said, "cap_perfmon");
}

TEST_F(PrivilegesTest, WithoutSetpcapTheBoundingSetStaysAndWhatWasPermittedBecomesEffective) {
  const Seen seen = InChild([] {
    BecomeNobody(kTwo | CapabilitySet{Capability::kSysAdmin});
    return Drop(kTwo);
  });
  EXPECT_EQ(seen.said, "cap_sys_ptrace,cap_perfmon");
  EXPECT_THAT(seen.threads, Each(Expected(kTwo, now_.bounding)));
}

TEST_F(PrivilegesTest, AmbientAndInheritableOnesAreGivenUpToo) {
  const Seen seen = InChild([] {
    const cap_value_t value = CAP_PERFMON;
    cap_t state = ::cap_get_proc();
    ::cap_set_flag(state, CAP_INHERITABLE, 1, &value, CAP_SET);
    if (::cap_set_proc(state) != 0 || ::cap_set_ambient(value, CAP_SET) != 0) return std::string();
    ::cap_free(state);
    return Drop(kTwo);
  });
  EXPECT_EQ(seen.said, "cap_sys_ptrace,cap_perfmon");
  EXPECT_THAT(seen.threads, Each(Expected(kTwo, {})));
}

TEST_F(PrivilegesTest, IsRefusedWhereThreadsWouldKeepWhatIsGivenUp) {
  const Seen seen = InChild([] {
    static base::Thread other("other", [](std::stop_token) { ::pause(); });
    return Drop(kTwo);
  });
  EXPECT_THAT(seen.said, HasSubstr("FAILED_PRECONDITION"));
  EXPECT_THAT(seen.threads, Each(Contains(Pair("NoNewPrivs", "0"))));
}

TEST_F(PrivilegesTest, ASecondTimeChangesNothing) {
  const Seen seen = InChild([] {
    std::string said = Drop(kTwo);
    said += "; " + Drop(kTwo);
    return said + "; " + Drop({});
  });
  EXPECT_EQ(seen.said, "cap_sys_ptrace,cap_perfmon; cap_sys_ptrace,cap_perfmon; none");
}

}  // namespace
}  // namespace daemoneye::privilege
