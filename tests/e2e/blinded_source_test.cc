// A live source that is blinded from outside, as by somebody who does not want to be seen: procmond
// finds out by itself, goes on with scans, says why, and sees again. As root.

#include <dirent.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using procfs::TestChild;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_support::Client;
using testing_support::Ended;
using testing_support::EventStream;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr char kExec[] = "process-exec";
constexpr char kGdb[] = "/usr/bin/gdb";
constexpr char kBpftool[] = "/usr/sbin/bpftool";
// Within which it has to be known.
constexpr absl::Duration kKnownWithin = absl::Seconds(15);

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The descriptors of `pid` whose fdinfo has `text`.
std::vector<int> DescriptorsWith(pid_t pid, const std::string& text) {
  std::vector<int> fds;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fdinfo", pid), error)) {
    if (Read(entry.path()).find(text) != std::string::npos) {
      fds.push_back(std::stoi(entry.path().filename()));
    }
  }
  return fds;
}

// Closes every link of a program that `server` holds, by a debugger.
void CloseLinks(const Server& server) {
  std::vector<int> links = DescriptorsWith(server.pid(), "link_type:\traw_tracepoint");
  std::ranges::copy(DescriptorsWith(server.pid(), "link_type:\ttracing"),
                    std::back_inserter(links));
  ASSERT_THAT(links, Not(IsEmpty()));
  std::vector<std::string> argv = {kGdb,
                                   "-batch",
                                   "-nx",
                                   "-iex",
                                   "set auto-solib-add off",
                                   "-iex",
                                   "set debuginfod enabled off",
                                   "-p",
                                   std::to_string(server.pid()),
                                   "-ex",
                                   "sharedlibrary libc.so"};
  for (const int fd : links) {
    argv.emplace_back("-ex");
    argv.push_back(fmt::format("call (int)close({})", fd));
  }
  const Ended ended = testing_support::RunToEnd({.argv = argv, .environment = {}, .user = {}});
  ASSERT_EQ(ended.code, 0) << ended.output;
  ASSERT_THAT(DescriptorsWith(server.pid(), "link_type:\traw_tracepoint"), IsEmpty())
      << ended.output;
}

// Writes 0 over the switch that the programs of `server` look at.
void SwitchOff(const Server& server) {
  int found = 0;
  for (const int fd : DescriptorsWith(server.pid(), "map_id:\t")) {
    const std::string info = Read(fmt::format("/proc/{}/fdinfo/{}", server.pid(), fd));
    const int id = std::atoi(info.c_str() + info.find("map_id:\t") + 8);
    const auto bpftool = [&](const std::string& arguments) {
      return testing_support::RunToEnd(
          {.argv = {"/bin/sh", "-c", fmt::format("{} {}", kBpftool, arguments)},
           .environment = {},
           .user = {}});
    };
    if (bpftool(fmt::format("-j map show id {}", id)).output.find("\".data.switch\"") ==
        std::string::npos) {
      continue;
    }
    const Ended ended = bpftool(fmt::format("map update id {} key 0 0 0 0 value 0 0 0 0", id));
    ASSERT_EQ(ended.code, 0) << ended.output;
    ++found;
  }
  ASSERT_EQ(found, 1) << "switches";
}

// Holds one thread of another process while it waits in poll(2), so that it holds no lock.
class HeldThread {
 public:
  HeldThread(pid_t pid, const std::string& name) {
    for (const auto& entry :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid))) {
      if (Read(entry.path() / "comm") == name + "\n") tid_ = std::stoi(entry.path().filename());
    }
    if (tid_ == 0 || ::ptrace(PTRACE_SEIZE, tid_, nullptr, nullptr) != 0) return;
    do {
      if (is_held_) ::ptrace(PTRACE_CONT, tid_, nullptr, nullptr);
      if (::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0) return;
      is_held_ = ::waitpid(tid_, nullptr, __WALL) == tid_;
    } while (is_held_ && !IsInPoll());
  }
  ~HeldThread() { Release(); }

  bool is_held() const { return is_held_; }
  void Release() {
    if (is_held_) ::ptrace(PTRACE_DETACH, tid_, nullptr, nullptr);
    is_held_ = false;
  }

 private:
  bool IsInPoll() const {
    const std::string call = Read(fmt::format("/proc/{}/syscall", tid_));
    return call.starts_with("7 ") || call.starts_with("271 ");  // poll, ppoll
  }

  pid_t tid_ = 0;
  bool is_held_ = false;
};

class BlindedSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    for (const char* tool : {kGdb, kBpftool}) {
      ASSERT_TRUE(std::filesystem::exists(tool)) << tool << " is missing: tools/setup --dev";
    }
    procmond_ = std::make_unique<Server>(
        kProcmond, directory_.Socket("p"),
        std::vector<std::string>{"--interval=3600", "--metrics_address=127.0.0.1:0"});
    procmond_->Ready();
    gateway_ = std::make_unique<Server>(
        kGateway, directory_.Socket("g"),
        std::vector<std::string>{"--monitors=" + procmond_->address(), "--default_triggers=false"});
    gateway_->Ready();
    const v1::SourceHealth source = Source();
    if (source.state() == v1::SOURCE_STATE_FAILED) GTEST_SKIP() << source.detail();
    near_.emplace(
        Client(procmond_->address()).StreamEvents(testing_support::LiveOnly(), absl::Minutes(2)));
    far_.emplace(
        Client(gateway_->address()).StreamEvents(testing_support::LiveOnly(), absl::Minutes(2)));
    ASSERT_TRUE(near_->Next().has_value());  // stream_started
    ASSERT_TRUE(far_->Next().has_value());
    AwaitExecSeen();
  }

  v1::SourceHealth Source() const {
    const auto status = Client(procmond_->address()).GetStatus();
    EXPECT_TRUE(status.ok()) << status.status();
    for (const v1::SourceHealth& source : status->sources()) {
      if (source.name() == kExec) return source;
    }
    ADD_FAILURE() << "no " << kExec;
    return {};
  }

  // The next word on what runs, where process-exec does or does not.
  v1::CapabilitiesChanged AwaitRunning(bool is_running) {
    const auto message = near_->Until([&](const v1::CollectionEvent& event) {
      if (!event.control().has_capabilities_changed()) return false;
      const auto& sources = event.control().capabilities_changed().sources();
      return (std::ranges::count(sources, kExec) == 1) == is_running;
    });
    return message.has_value() ? message->control().capabilities_changed()
                               : v1::CapabilitiesChanged();
  }

  // What lives for a moment only is seen, at a client of the gateway.
  void AwaitExecSeen() {
    const std::string mark = fmt::format("MARK{}", ++marks_);
    const Ended ended =
        testing_support::RunToEnd({.argv = {"/bin/true", mark}, .environment = {}, .user = {}});
    ASSERT_EQ(ended.code, 0);
    const auto exec = far_->Until([&](const v1::CollectionEvent& event) {
      return event.process().action() == v1::PROCESS_ACTION_EXEC &&
             std::ranges::count(event.process().command_line(), mark) == 1;
    });
    ASSERT_TRUE(exec.has_value());
    EXPECT_EQ(exec->source(), kExec);
  }

  // From the moment it was blinded: it is known, events go on, and it is repaired by itself.
  void ExpectFoundAndRepaired(absl::Time blinded, const std::string& reason) {
    TestChild child(TestChild::ProgramPath());
    const v1::CapabilitiesChanged change = AwaitRunning(false);
    EXPECT_LE(absl::Now() - blinded, kKnownWithin);
    EXPECT_THAT(change.reason(), HasSubstr(reason));
    EXPECT_THAT(change.sources(), Contains("process-scan"));
    EXPECT_THAT(change.caps(), Not(Contains(v1::SOURCE_CAP_REALTIME)));
    const v1::SourceHealth source = Source();
    if (source.state() != v1::SOURCE_STATE_RUNNING) {
      EXPECT_THAT(source.detail(), HasSubstr(reason));
    }
    EXPECT_TRUE(procmond_->AwaitLine({"source", kExec, reason}).has_value());
    EXPECT_EQ(Client(procmond_->address()).Health("readiness"), "SERVING") << "scans go on";

    // Far sooner than the next scan would be.
    const auto told = far_->Until([&](const v1::CollectionEvent& event) {
      return event.process().pid() == static_cast<uint32_t>(child.pid());
    });
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->source(), "process-scan");

    EXPECT_THAT(AwaitRunning(true).caps(), Contains(v1::SOURCE_CAP_REALTIME));
    EXPECT_GE(Source().restarts(), 1u);
    AwaitExecSeen();
  }

  int marks_ = 0;
  TempDirectory directory_;
  std::unique_ptr<Server> procmond_;
  std::unique_ptr<Server> gateway_;
  std::optional<EventStream> near_;
  std::optional<EventStream> far_;
};

TEST_F(BlindedSourceTest, LinksThatADebuggerClosedAreFoundAndReplaced) {
  CloseLinks(*procmond_);
  ExpectFoundAndRepaired(absl::Now(), "the link of program=");
}

TEST_F(BlindedSourceTest, ProgramsThatWereSwitchedOffAreFoundAndReplaced) {
  SwitchOff(*procmond_);
  ExpectFoundAndRepaired(absl::Now(), "switched off");
}

// Links and switch are as they should be, so only what is missing at the end of the stream tells.
TEST_F(BlindedSourceTest, AReaderThatStandsStillIsFoundByItsCanaries) {
  HeldThread reader(procmond_->pid(), kExec);
  ASSERT_TRUE(reader.is_held());
  const absl::Time blinded = absl::Now();
  EXPECT_THAT(AwaitRunning(false).reason(), HasSubstr("processes started to prove"));
  EXPECT_LE(absl::Now() - blinded, kKnownWithin);
  // It cannot be stopped while it is held, so this stands.
  EXPECT_THAT(Source().detail(), HasSubstr("processes started to prove"));
  const auto status = Client(procmond_->address()).GetStatus();
  ASSERT_TRUE(status.ok());
  EXPECT_THAT(status->problems(), Contains(HasSubstr("processes started to prove")));
  EXPECT_TRUE(status->ready()) << "scans go on";
  EXPECT_THAT(procmond_->Metrics(),
              HasSubstr("daemoneye_canary_misses_total{source=\"process-exec\"} 2"));

  reader.Release();
  AwaitRunning(true);
  AwaitExecSeen();
}

TEST_F(BlindedSourceTest, ItsOwnCanariesAreShownOnlyToWhoAsks) {
  v1::StreamEventsRequest request = testing_support::LiveOnly();
  request.mutable_filter()->set_own(true);
  EventStream own = Client(gateway_->address()).StreamEvents(request, absl::Minutes(1));
  std::vector<v1::ProcessAction> actions;
  uint32_t canary = 0;
  own.Until([&](const v1::CollectionEvent& event) {
    const v1::ProcessEvent& process = event.process();
    if (!process.own() || (canary != 0 && process.pid() != canary)) return false;
    canary = process.pid();
    EXPECT_EQ(process.ppid(), static_cast<uint32_t>(procmond_->pid()));
    actions.push_back(process.action());
    return process.action() == v1::PROCESS_ACTION_STOP;
  });
  EXPECT_THAT(actions, testing::ElementsAre(v1::PROCESS_ACTION_START, v1::PROCESS_ACTION_EXEC,
                                            v1::PROCESS_ACTION_STOP))
      << "and nothing suspicious";
  // Behind it, so that what others are told of it would be there by now.
  AwaitExecSeen();
  TestChild last(TestChild::ProgramPath());
  const auto end = near_->Until([&](const v1::CollectionEvent& event) {
    EXPECT_NE(event.process().pid(), canary) << event.ShortDebugString();
    EXPECT_FALSE(event.process().own());
    return event.process().pid() == static_cast<uint32_t>(last.pid());
  });
  EXPECT_TRUE(end.has_value());
}

}  // namespace
}  // namespace daemoneye
