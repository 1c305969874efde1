// The suite's servers as root, as nobody with file capabilities, and as nobody at all: what they
// keep, and what procmond sees with it. The table of the latter stands in
// services/procmond/PRIVILEGES.md, which `bazel run --config=opt //tests/e2e:privilege_test`
// rewrites.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/capability.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/client.h"
#include "tests/support/instrumented.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using testing_support::ChildProcess;
using testing_support::Client;
using testing_support::EventStream;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::Server;
using testing_support::TempDirectory;

namespace fs = std::filesystem;

constexpr char kHasher[] = "services/binary_hasher/binary_hasher";
constexpr char kPage[] = "services/procmond/PRIVILEGES.md";
constexpr uid_t kNobody = 65534;
// Neither root nor who procmond runs as.
constexpr uid_t kOther = 1;

constexpr uint64_t Bits(std::initializer_list<cap_value_t> capabilities) {
  uint64_t bits = 0;
  for (const cap_value_t capability : capabilities) bits |= uint64_t{1} << capability;
  return bits;
}
constexpr uint64_t kAll = Bits({CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH});

struct ThreadPrivileges {
  uint64_t effective = 0, permitted = 0, inheritable = 0, ambient = 0, bounding = 0;
  int no_new_privs = 0;

  friend bool operator==(const ThreadPrivileges&, const ThreadPrivileges&) = default;
};

void PrintTo(const ThreadPrivileges& p, std::ostream* out) {
  *out << fmt::format("eff {:x} prm {:x} inh {:x} amb {:x} bnd {:x} nnp {}", p.effective,
                      p.permitted, p.inheritable, p.ambient, p.bounding, p.no_new_privs);
}

ThreadPrivileges ReadStatus(const fs::path& path) {
  std::map<std::string, std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(":\t");
    if (colon != line.npos) lines[line.substr(0, colon)] = line.substr(colon + 2);
  }
  const auto hex = [&](const char* name) { return std::stoull(lines.at(name), nullptr, 16); };
  return {.effective = hex("CapEff"),
          .permitted = hex("CapPrm"),
          .inheritable = hex("CapInh"),
          .ambient = hex("CapAmb"),
          .bounding = hex("CapBnd"),
          .no_new_privs = std::stoi(lines.at("NoNewPrivs"))};
}

// Of every thread that a process has now.
std::vector<ThreadPrivileges> ThreadsOf(pid_t pid) {
  std::vector<ThreadPrivileges> threads;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", pid))) {
    threads.push_back(ReadStatus(task.path() / "status"));
  }
  return threads;
}

constexpr ThreadPrivileges Kept(uint64_t capabilities, uint64_t bounding = 0) {
  return {.effective = capabilities,
          .permitted = capabilities,
          .inheritable = 0,
          .ambient = 0,
          .bounding = bounding,
          .no_new_privs = 1};
}

// How procmond is started.
struct Mode {
  const char* name;
  bool is_root = false;
  uint64_t file_capabilities = 0;
};

const Mode kModes[] = {
    {"root", true},
    {"nobody with all four capabilities", false, kAll},
    {"without `cap_bpf`", false, kAll & ~Bits({CAP_BPF})},
    {"without `cap_perfmon`", false, kAll & ~Bits({CAP_PERFMON})},
    {"without `cap_sys_ptrace`", false, kAll & ~Bits({CAP_SYS_PTRACE})},
    {"without `cap_dac_read_search`", false, kAll & ~Bits({CAP_DAC_READ_SEARCH})},
    {"nobody with `cap_bpf,cap_perfmon`", false, Bits({CAP_BPF, CAP_PERFMON})},
    {"nobody", false, 0},
};

class PrivilegeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can run servers as others";
    if (testing_support::IsInstrumented()) {
      GTEST_SKIP() << "a sanitizer's run time wants what a program with capabilities has not";
    }
    if ((ReadStatus("/proc/self/status").effective & kAll) != kAll) {
      GTEST_SKIP() << "this root has too few capabilities";
    }
    fs::permissions(directory_.path(), fs::perms(0755));
    fs::create_directory(directory_.File("n"));
    ASSERT_EQ(::chown(directory_.File("n").c_str(), kNobody, kNobody), 0);
  }

  // procmond in that mode; scans come only when somebody asks for a snapshot.
  std::unique_ptr<Server> Start(const Mode& mode, std::vector<std::string> flags = {}) {
    flags.emplace_back("--interval=3600");
    if (mode.is_root) {
      return std::make_unique<Server>(kProcmond, directory_.Socket("p"), flags);
    }
    const std::string program = directory_.File(fmt::format("procmond-{}", copies_++));
    fs::copy_file(kProcmond, program);
    fs::permissions(program, fs::perms(0755));
    GiveFileCapabilities(program, mode.file_capabilities);
    return std::make_unique<Server>(program, directory_.Socket("n/p"), flags, kNobody);
  }

  static void GiveFileCapabilities(const std::string& program, uint64_t capabilities) {
    if (capabilities == 0) return;
    cap_t state = ::cap_init();
    for (cap_value_t value = 0; value < 64; ++value) {
      if ((capabilities >> value & 1) == 0) continue;
      ::cap_set_flag(state, CAP_EFFECTIVE, 1, &value, CAP_SET);
      ::cap_set_flag(state, CAP_PERMITTED, 1, &value, CAP_SET);
    }
    EXPECT_EQ(::cap_set_file(program.c_str(), state), 0) << program;
    ::cap_free(state);
  }

  // A program of that mode and owner, as that user, until the test ends.
  std::unique_ptr<ChildProcess> Subject(const std::string& name, int permissions, uid_t user) {
    const std::string program = directory_.File(name);
    fs::copy_file("/bin/sleep", program);
    fs::permissions(program, static_cast<fs::perms>(permissions));
    EXPECT_EQ(::chown(program.c_str(), user, user), 0);
    return std::make_unique<ChildProcess>(
        testing_support::ChildSpec{.argv = {program, "600"}, .environment = {}, .user = user});
  }

  TempDirectory directory_;
  int copies_ = 0;
};

std::vector<std::string> NamesOf(const v1::GetStatusResponse& status) {
  return {status.privileges().capabilities().begin(), status.privileges().capabilities().end()};
}

TEST_F(PrivilegeTest, RootKeepsWhatItsSourcesNeedInEveryThreadAndSaysSo) {
  const auto server = Start({"root", true});
  server->Ready();
  EXPECT_THAT(ThreadsOf(server->pid()), Each(Kept(kAll)));
  const auto status = Client(server->address()).GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->privileges().user_id(), 0u);
  EXPECT_THAT(NamesOf(*status),
              ElementsAre("cap_dac_read_search", "cap_sys_ptrace", "cap_perfmon", "cap_bpf"));
  EXPECT_THAT(status->privileges().bounding_capabilities(), IsEmpty());
  EXPECT_TRUE(status->privileges().no_new_privileges());
  EXPECT_THAT(status->problems(), IsEmpty());
  EXPECT_THAT(
      server->output(),
      AllOf(HasSubstr("kept=cap_dac_read_search,cap_sys_ptrace,cap_perfmon,cap_bpf "),
            HasSubstr("dropped=cap_chown,cap_dac_override,"), HasSubstr("no_new_privs=true")));
}

TEST_F(PrivilegeTest, NobodyKeepsWhatTheFileGivesOfThose) {
  const uint64_t bounding = ReadStatus("/proc/self/status").bounding;
  const auto server = Start({"", false, Bits({CAP_BPF, CAP_PERFMON, CAP_NET_RAW})});
  server->Ready();
  EXPECT_THAT(ThreadsOf(server->pid()), Each(Kept(Bits({CAP_BPF, CAP_PERFMON}), bounding)));
  const auto status = Client(server->address()).GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->privileges().user_id(), kNobody);
  EXPECT_THAT(NamesOf(*status), ElementsAre("cap_perfmon", "cap_bpf"));
  EXPECT_THAT(server->output(), AllOf(HasSubstr("dropped=cap_net_raw "),
                                      HasSubstr("cap_setpcap, which could empty")));
}

TEST_F(PrivilegeTest, NobodyHasNoneAndGainsNone) {
  const auto server = Start({"", false, 0});
  server->Ready();
  EXPECT_THAT(ThreadsOf(server->pid()), Each(Kept(0, ReadStatus("/proc/self/status").bounding)));
}

TEST_F(PrivilegeTest, AGatewayKeepsNoneAndAHasherWhatItOpensProcessesWith) {
  Server gateway(kGateway, directory_.Socket("g"), {});
  Server hasher(kHasher, directory_.Socket("h"), {});
  gateway.AwaitLine({"started"});
  hasher.AwaitLine({"started"});
  EXPECT_THAT(ThreadsOf(gateway.pid()), Each(Kept(0)));
  EXPECT_THAT(ThreadsOf(hasher.pid()), Each(Kept(Bits({CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH}))));
}

TEST_F(PrivilegeTest, APortThatNotEverybodyMayBindIsBoundAllTheSame) {
  Server gateway(kGateway, "127.0.0.1:977", {});
  gateway.AwaitLine({"started"});
  EXPECT_EQ(gateway.address(), "127.0.0.1:977");
  EXPECT_THAT(ThreadsOf(gateway.pid()), Each(Kept(Bits({CAP_NET_BIND_SERVICE}))));
}

// ---- what is seen -------------------------------------------------------------

// What one procmond saw of processes of others.
struct Sight {
  std::string sources;
  bool sees_short_life = false;
  bool sees_arguments = false;
  bool sees_executable = false;
  bool is_accessible = false;
  bool hashes = false;
  bool hashes_unreadable = false;
};

class Observation {
 public:
  Observation(const Server& server, const ChildProcess& open, const ChildProcess& closed)
      : client_(server.address()), open_(Pid(open)), closed_(Pid(closed)) {}

  Sight Look() {
    Sight sight;
    const auto status = client_.GetStatus();
    EXPECT_TRUE(status.ok()) << status.status();
    for (const v1::SourceHealth& source : status->sources()) {
      if (source.state() != v1::SOURCE_STATE_RUNNING) continue;
      sight.sources += (sight.sources.empty() ? "" : ", ") + source.name().substr(8);
    }
    LookAtStanding(sight);
    sight.hashes = IsHashed(open_);
    sight.hashes_unreadable = IsHashed(closed_);
    sight.sees_short_life = SeesShortLife();
    return sight;
  }

 private:
  static uint32_t Pid(const ChildProcess& child) { return static_cast<uint32_t>(child.pid()); }

  void LookAtStanding(Sight& sight) {
    EventStream stream = client_.StreamEvents(testing_support::SnapshotOnly());
    const auto found =
        stream.Until([&](const auto& event) { return event.process().pid() == open_; });
    ASSERT_TRUE(found.has_value());
    const v1::ProcessEvent& process = found->process();
    sight.sees_arguments = process.command_line_size() == 2 && process.command_line(1) == "600";
    sight.sees_executable = process.executable_path().ends_with("/open");
    sight.is_accessible = process.accessible();
  }

  bool IsHashed(uint32_t pid) {
    v1::ExecuteTaskRequest task;
    task.set_type(v1::TASK_TYPE_CHECK_PROCESS_HASH);
    task.mutable_filter()->add_pids(pid);
    const auto answer = client_.ExecuteTask(task);
    EXPECT_EQ(answer.status, absl::OkStatus());
    return answer.records.size() == 1 && answer.records[0].process().has_executable_hash();
  }

  // A snapshot scans, unless a scan ended less than a second ago.
  void AwaitInSnapshot(uint32_t pid) {
    const absl::Time deadline = absl::Now() + testing_support::kPatience;
    while (absl::Now() < deadline) {
      for (const auto& event : client_.StreamEvents(testing_support::SnapshotOnly()).Rest()) {
        if (event.process().pid() == pid) return;
      }
    }
    ADD_FAILURE() << "no scan has seen process " << pid;
  }

  // One that ends before anybody scans: START, EXEC and STOP of it are there before those of one
  // that a scan sees.
  bool SeesShortLife() {
    EventStream live = client_.StreamEvents(testing_support::LiveOnly());
    live.Until([](const auto& event) { return event.control().has_stream_started(); });
    ChildProcess brief({.argv = {"/bin/true", "brief"}, .environment = {}, .user = kOther});
    EXPECT_EQ(brief.AwaitExit(), 0);
    const ChildProcess fence({.argv = {"/bin/sleep", "600"}, .environment = {}, .user = kOther});
    AwaitInSnapshot(Pid(fence));
    std::set<int> actions;
    bool has_arguments = false;
    live.Until([&](const v1::CollectionEvent& event) {
      const v1::ProcessEvent& process = event.process();
      if (process.pid() == Pid(brief)) {
        actions.insert(process.action());
        has_arguments |= process.command_line_size() == 2 && process.command_line(1) == "brief";
      }
      return process.pid() == Pid(fence);
    });
    if (actions.empty()) return false;
    EXPECT_THAT(actions, IsSupersetOf<int>({v1::PROCESS_ACTION_START, v1::PROCESS_ACTION_EXEC,
                                            v1::PROCESS_ACTION_STOP}));
    EXPECT_TRUE(has_arguments);
    return true;
  }

  Client client_;
  const uint32_t open_;
  const uint32_t closed_;
};

std::string Row(const char* name, const Sight& sight) {
  const auto text = [](bool is_seen) { return is_seen ? "yes" : "no"; };
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", name, sight.sources,
                     text(sight.sees_short_life), text(sight.sees_arguments),
                     text(sight.sees_executable), text(sight.is_accessible), text(sight.hashes),
                     text(sight.hashes_unreadable));
}

constexpr char kHead[] =
    "| started as | sources | lives shorter than a scan | arguments | executable | `accessible` | "
    "hash | "
    "hash of a file that only its owner may read |\n"
    "|---|---|---|---|---|---|---|---|\n";

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Replaces the table of the page where `bazel run` says where the source is.
void Rewrite(const std::string& page, const std::string& table) {
  const char* root =
      std::getenv("BUILD_WORKSPACE_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): one thread
  if (root == nullptr) return;
  const size_t begin = page.find("| started as |");
  const size_t end = page.find("\n\n", begin);
  if (begin == page.npos || end == page.npos) return;
  std::ofstream(fmt::format("{}/{}", root, kPage))
      << page.substr(0, begin) << table << page.substr(end + 1);
}

TEST_F(PrivilegeTest, WhatEachSeesIsWhatThePageSays) {
  const auto open = Subject("open", 0755, kOther);
  const auto closed = Subject("closed", 0700, kOther);
  std::string table = kHead;
  for (const Mode& mode : kModes) {
    const auto server = Start(mode);
    server->Ready();
    table += Row(mode.name, Observation(*server, *open, *closed).Look());
    server->Terminate();
  }
  fmt::print("{}", table);
  const std::string page = ReadText(kPage);
  Rewrite(page, table);
  EXPECT_THAT(page, HasSubstr(table))
      << "rewrite it: bazel run --config=opt //tests/e2e:privilege_test";
}

TEST_F(PrivilegeTest, OneCapabilityTakenAwayIsNamedAndTheRestGoesOn) {
  struct Case {
    cap_value_t taken;
    const char* name;
  };
  const Case cases[] = {{CAP_BPF, "cap_bpf"},
                        {CAP_PERFMON, "cap_perfmon"},
                        {CAP_SYS_PTRACE, "cap_sys_ptrace"},
                        {CAP_DAC_READ_SEARCH, "cap_dac_read_search"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto server = Start({"", false, kAll & ~Bits({c.taken})});
    server->Ready();
    const auto status = Client(server->address()).GetStatus();
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_TRUE(status->ready());
    std::string problems;
    for (const std::string& problem : status->problems()) problems += problem + "\n";
    for (const Case& other : cases) {
      const std::string missing = fmt::format("capability {} is missing", other.name);
      if (other.taken == c.taken) {
        EXPECT_THAT(problems, HasSubstr(missing));
        EXPECT_THAT(server->output(), HasSubstr(missing));
      } else {
        EXPECT_THAT(problems, Not(HasSubstr(missing)));
      }
    }
    server->Terminate();
  }
}

}  // namespace
}  // namespace daemoneye
