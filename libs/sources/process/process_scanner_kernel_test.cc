// The scanner against the kernel's own procfs and real children.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/test_child.h"
#include "libs/sources/process/package_database.h"
#include "libs/sources/process/recording_sink.h"
#include "libs/sources/process/scan_harness.h"

namespace daemoneye::process {
namespace {

using procfs::TestChild;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ProcessScannerKernelTest : public testing::Test {
 protected:
  ProcessScannerKernelTest()
      : fs_(*procfs::ProcFs::Open("/proc")),
        hasher_(fs_, HashLimits{}, base::Clock::Real()),
        directory_(std::filesystem::path(std::getenv("TEST_TMPDIR")) /
                   testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(directory_);
    config_.samples = SamplePolicy::kNone;
  }

  // The events of one scan about `pid`.
  std::vector<v1::CollectionEvent> ScanFor(pid_t pid) {
    if (scanner_ == nullptr) {
      scanner_ = std::make_unique<ScanHarness>(fs_, config_, hasher_, base::Clock::Real(),
                                               PackageDatabase(directory_ / "no-packages"));
    }
    EXPECT_TRUE(scanner_->Scan({}, sink_).ok());
    std::vector<v1::CollectionEvent> events = sink_.Take();
    std::erase_if(events, [&](const v1::CollectionEvent& event) {
      return event.process().pid() != static_cast<uint32_t>(pid);
    });
    return events;
  }
  // The only one of them.
  v1::ProcessEvent ScanForOne(pid_t pid, v1::ProcessAction action) {
    const auto events = ScanFor(pid);
    if (events.size() != 1 || events[0].process().action() != action) {
      ADD_FAILURE() << "not one " << v1::ProcessAction_Name(action);
      for (const auto& event : events) ADD_FAILURE() << event.DebugString();
      return {};
    }
    return events[0].process();
  }
  static std::vector<std::string> RulesIn(const std::vector<v1::CollectionEvent>& events) {
    std::vector<std::string> rules;
    for (const auto& event : events) {
      if (event.process().has_suspicion()) rules.push_back(event.process().suspicion().rule());
    }
    return rules;
  }

  procfs::ProcFs fs_;
  ExecutableHasher hasher_;
  ProcessSourceConfig config_;
  RecordingSink sink_;
  std::unique_ptr<ScanHarness> scanner_;
  const std::filesystem::path directory_;
};

TEST_F(ProcessScannerKernelTest, SeesAChildStartAndStop) {
  ScanFor(0);
  std::optional<TestChild> child(std::in_place, TestChild::ProgramPath(),
                                 std::vector<std::string>{"name=short", "--token", "secret"});
  const pid_t pid = child->pid();
  const v1::ProcessEvent start = ScanForOne(pid, v1::PROCESS_ACTION_START);
  EXPECT_EQ(start.name(), "short");
  EXPECT_EQ(start.ppid(), static_cast<uint32_t>(::getpid()));
  EXPECT_THAT(start.parent_executable_path(), testing::HasSubstr("process_scanner_kernel_test"));
  EXPECT_EQ(start.command_line(start.command_line_size() - 1), "[redacted]");
  EXPECT_EQ(start.user_id(), ::getuid());
  EXPECT_GT(start.memory_usage_bytes(), 0u);
  EXPECT_EQ(start.working_directory(), std::filesystem::current_path());
  EXPECT_TRUE(start.accessible());
  EXPECT_TRUE(start.file_exists());
  EXPECT_FALSE(start.on_disk_mismatch());
  EXPECT_THAT(ScanFor(pid), IsEmpty());

  child->Kill();
  EXPECT_THAT(ScanFor(pid), IsEmpty()) << "a zombie is still there";
  child.reset();
  const v1::ProcessEvent stop = ScanForOne(pid, v1::PROCESS_ACTION_STOP);
  EXPECT_EQ(stop.process_key(), start.process_key());
  EXPECT_EQ(stop.exit_signal(), SIGKILL);
  EXPECT_EQ(stop.executable_path(), start.executable_path());
}

// A child that runs TestChild's program in its place when told to.
class ExecChild {
 public:
  explicit ExecChild(const std::string& path, const std::vector<std::string>& arguments = {}) {
    int go[2];
    int ready[2];
    EXPECT_EQ(::pipe2(go, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    std::vector<char*> argv = {const_cast<char*>(path.c_str())};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      char byte;
      static_cast<void>(!::read(go[0], &byte, 1));
      ::dup2(go[0], STDIN_FILENO);
      ::dup2(ready[1], STDOUT_FILENO);
      ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
    ::close(go[0]);
    ::close(ready[1]);
    go_.Reset(go[1]);
    ready_.Reset(ready[0]);
  }
  ~ExecChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  void Exec() { EXPECT_EQ(::write(go_.get(), "g", 1), 1); }
  // Returns when the new image says that it runs: nothing of exec is under way any more.
  void AwaitReady() {
    char byte = 0;
    EXPECT_EQ(::read(ready_.get(), &byte, 1), 1);
  }
  bool IsReady() {
    pollfd ready = {.fd = ready_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, 0) != 0;
  }

 private:
  pid_t pid_;
  base::UniqueFd go_;
  base::UniqueFd ready_;
};

TEST_F(ProcessScannerKernelTest, SeesAnExecBetweenTwoScans) {
  const std::string path = std::filesystem::canonical(TestChild::ProgramPath());
  ExecChild child(path, {"1000"});
  const v1::ProcessEvent before = ScanForOne(child.pid(), v1::PROCESS_ACTION_SNAPSHOT);
  child.Exec();
  child.AwaitReady();
  const v1::ProcessEvent exec = ScanForOne(child.pid(), v1::PROCESS_ACTION_EXEC);
  EXPECT_EQ(exec.process_key(), before.process_key());
  EXPECT_EQ(exec.exec_count(), 1u);
  EXPECT_EQ(exec.executable_path(), path);
  EXPECT_THAT(exec.command_line(), ElementsAre(path, "1000"));
  EXPECT_GT(exec.memory_usage_bytes(), 0u);
  EXPECT_THAT(ScanFor(child.pid()), IsEmpty());
}

TEST_F(ProcessScannerKernelTest, NeverMixesTwoImagesOfAProcessThatExecsAllTheTime) {
  const std::string first = directory_ / "first";
  const std::string second = directory_ / "second";
  TestChild::CopyProgram(first);
  TestChild::CopyProgram(second);
  ExecChild child(first, {"execs=500", second});
  ScanForOne(child.pid(), v1::PROCESS_ACTION_SNAPSHOT);
  child.Exec();
  int seen = 0;
  std::vector<v1::CollectionEvent> events;
  for (bool is_last = false; !is_last;) {
    is_last = child.IsReady();
    events = ScanFor(child.pid());
    for (const v1::CollectionEvent& event : events) {
      const v1::ProcessEvent& exec = event.process();
      ++seen;
      EXPECT_EQ(exec.action(), v1::PROCESS_ACTION_EXEC) << event.DebugString();
      ASSERT_EQ(exec.command_line_size(), 3) << event.DebugString();
      EXPECT_EQ(exec.executable_path(), exec.command_line(0));
      EXPECT_EQ("/" + exec.name(), exec.command_line(0).substr(directory_.string().size()));
    }
  }
  EXPECT_GT(seen, 1);
  ScanFor(child.pid());
  EXPECT_THAT(ScanFor(child.pid()), IsEmpty());
}

TEST_F(ProcessScannerKernelTest, SeesTheExecutableDeletedThenReplaced) {
  const std::string path = directory_ / "program";
  TestChild::CopyProgram(path);
  TestChild child(path);
  EXPECT_TRUE(ScanFor(child.pid())[0].process().file_exists());
  std::filesystem::remove(path);
  const v1::ProcessEvent deleted = ScanForOne(child.pid(), v1::PROCESS_ACTION_MODIFIED);
  EXPECT_FALSE(deleted.file_exists());
  EXPECT_EQ(deleted.executable_path(), path) << "without (deleted)";
  EXPECT_THAT(deleted.modified_fields(), ElementsAre("file_exists"));
  TestChild::CopyProgram(path);
  const auto events = ScanFor(child.pid());
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_THAT(events[0].process().modified_fields(), ElementsAre("on_disk_mismatch"));
  EXPECT_TRUE(events[0].process().on_disk_mismatch());
  EXPECT_EQ(events[1].process().suspicion().rule(), "executable_replaced");
  EXPECT_EQ(events[1].process().suspicion().severity(), v1::SEVERITY_MEDIUM);
  EXPECT_THAT(ScanFor(child.pid()), IsEmpty()) << "once";
}

TEST_F(ProcessScannerKernelTest, FindsAnImageInMemoryButNotASealedOneOfInit) {
  const base::UniqueFd image(::memfd_create("payload", MFD_CLOEXEC));
  const base::UniqueFd program(::open(TestChild::ProgramPath().c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  ASSERT_EQ(::fstat(program.get(), &status), 0);
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  ASSERT_EQ(::read(program.get(), bytes.data(), bytes.size()), status.st_size);
  ASSERT_EQ(::write(image.get(), bytes.data(), bytes.size()), status.st_size);
  TestChild child("payload", {}, image.get());
  const auto events = ScanFor(child.pid());
  EXPECT_THAT(RulesIn(events), ElementsAre("memfd_executable"));
  EXPECT_EQ(events[0].process().executable_path(), "/memfd:payload");
  EXPECT_FALSE(events[0].process().has_file_exists());
  EXPECT_THAT(ScanFor(child.pid()), IsEmpty()) << "once";
}

TEST_F(ProcessScannerKernelTest, AnImageOnAMountThatHangsNowhereIsNotReplaced) {
  const base::UniqueFd mount(
      ::open_tree(AT_FDCWD, TestChild::ProgramPath().c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (mount.get() < 0) GTEST_SKIP() << "open_tree: " << std::strerror(errno);
  TestChild child("runc:[2:INIT]", {}, mount.get());
  const auto events = ScanFor(child.pid());
  EXPECT_THAT(RulesIn(events), IsEmpty());
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].process().executable_path(), "/");
  EXPECT_FALSE(events[0].process().has_file_exists());
}

TEST_F(ProcessScannerKernelTest, FindsASetuidImageOutsideTheSystem) {
  const std::string path = directory_ / "setuid";
  TestChild::CopyProgram(path);
  ASSERT_EQ(::chmod(path.c_str(), 04755), 0);
  TestChild child(path);
  EXPECT_THAT(RulesIn(ScanFor(child.pid())), Contains("setuid_outside_system"));
}

TEST_F(ProcessScannerKernelTest, FindsAnImageInTmp) {
  const std::string path = "/tmp/daemoneye_scanner_test_" + std::to_string(::getpid());
  TestChild::CopyProgram(path);
  TestChild child(path);
  std::filesystem::remove(path);
  EXPECT_THAT(RulesIn(ScanFor(child.pid())), Contains("temporary_directory"));
}

TEST_F(ProcessScannerKernelTest, BoundsACommandLineOfTwoMegabytes) {
  const std::vector<std::string> arguments(19, std::string(100'000, 'x'));
  TestChild child(TestChild::ProgramPath(), arguments);
  const auto events = ScanFor(child.pid());
  ASSERT_FALSE(events.empty());
  EXPECT_TRUE(events[0].truncated());
  EXPECT_GT(events[0].truncated_bytes(), 1'800'000u);
  EXPECT_LT(events[0].ByteSizeLong(), 128u << 10);
}

TEST_F(ProcessScannerKernelTest, HashesTheRunningImage) {
  config_.compute_executable_hashes = true;
  const std::string path = directory_ / "program";
  TestChild::CopyProgram(path);
  TestChild child(path);
  const auto events = ScanFor(child.pid());
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].process().hash_state(), v1::HASH_STATE_PENDING);
  const HashResult expected =
      hasher_.HashNow(static_cast<uint32_t>(child.pid()), 0, std::stop_token());
  EXPECT_EQ(expected.digest, nullptr) << "another process had that pid";
  base::Mutex mu;
  base::CondVar ready;
  bool is_ready = false;
  std::vector<v1::CollectionEvent> hashed;
  hasher_.SetOnResults([&] {
    base::MutexLock lock(mu);
    is_ready = true;
    ready.NotifyAll();
  });
  const auto is_ours = [&](const v1::CollectionEvent& event) {
    return event.process().pid() == static_cast<uint32_t>(child.pid());
  };
  while (std::none_of(hashed.begin(), hashed.end(), is_ours)) {
    ASSERT_TRUE(scanner_->ApplyHashes(sink_).ok());
    hashed = sink_.Take();
    if (std::any_of(hashed.begin(), hashed.end(), is_ours)) break;
    base::MutexLock lock(mu);
    while (!is_ready) ready.Wait(mu);
    is_ready = false;
  }
  hasher_.SetOnResults(nullptr);
  const auto event = *std::find_if(hashed.begin(), hashed.end(), is_ours);
  EXPECT_EQ(event.process().action(), v1::PROCESS_ACTION_MODIFIED);
  EXPECT_THAT(event.process().modified_fields(), ElementsAre("executable_hash", "hash_state"));
  EXPECT_EQ(event.process().hash_state(), v1::HASH_STATE_AVAILABLE);
  EXPECT_THAT(event.process().executable_hash(), SizeIs(64));
  // The same image again comes with its hash.
  TestChild twin(path);
  EXPECT_EQ(ScanFor(twin.pid())[0].process().executable_hash(), event.process().executable_hash());
}

TEST_F(ProcessScannerKernelTest, AnotherUserComputesTheSameKey) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root to become nobody";
  TestChild child(TestChild::ProgramPath());
  const std::string key = ScanFor(child.pid())[0].process().process_key();
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const pid_t nobody = ::fork();
  if (nobody == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    const auto fs = procfs::ProcFs::Open("/proc");
    if (!fs.ok()) ::_exit(2);
    ExecutableHasher hasher(*fs, HashLimits{}, base::Clock::Real());
    ScanHarness scanner(*fs, config_, hasher, base::Clock::Real());
    RecordingSink sink;
    if (!scanner.Scan({}, sink).ok()) ::_exit(3);
    for (const auto& event : sink.Take()) {
      if (event.process().pid() != static_cast<uint32_t>(child.pid())) continue;
      const std::string& text = event.process().process_key();
      static_cast<void>(!::write(pipe[1], text.data(), text.size()));
    }
    ::_exit(0);
  }
  ::close(pipe[1]);
  char text[128] = {};
  static_cast<void>(!::read(pipe[0], text, sizeof text - 1));
  int status;
  ::waitpid(nobody, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(std::string_view(text), key);
}

}  // namespace
}  // namespace daemoneye::process
