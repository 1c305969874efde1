// The task iterator against /proc, on the live machine. Skipped, aloud, for others than root.

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/unique_fd.h"
#include "libs/linux/bpf/task_reader.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/process_reader.h"
#include "libs/linux/procfs/test_child.h"

namespace daemoneye::bpf {
namespace {

namespace fs = std::filesystem;

// What both tell of a process, as text, a field each, so that what differs has a name.
using Fields = std::map<std::string, std::string>;

std::string Text(const std::optional<uint64_t>& value) {
  return value.has_value() ? std::to_string(*value) : "none";
}

std::string Text(const procfs::Credential& ids) {
  return std::to_string(ids.real) + " " + std::to_string(ids.effective) + " " +
         std::to_string(ids.saved) + " " + std::to_string(ids.filesystem);
}

std::string Text(const procfs::CapabilitySets& sets) {
  std::string text;
  for (const uint64_t set :
       {sets.inheritable, sets.permitted, sets.effective, sets.bounding, sets.ambient}) {
    text += std::to_string(set) + " ";
  }
  return text;
}

std::string Text(const procfs::NamespaceInodes& inodes) {
  std::string text;
  for (const auto& inode : {inodes.cgroup, inodes.ipc, inodes.mnt, inodes.net, inodes.pid,
                            inodes.time, inodes.user, inodes.uts}) {
    text += Text(inode) + " ";
  }
  return text;
}

Fields FieldsOf(const TaskRecord& task) {
  return {
      {"comm", task.is_kernel_thread() ? "" : std::string(task.comm)},
      {"ppid", std::to_string(task.ppid)},
      {"pgrp", std::to_string(task.pgrp)},
      {"session", std::to_string(task.session)},
      {"tty", std::to_string(task.tty_nr)},
      {"start", std::to_string(task.start_ticks(100))},
      {"threads", std::to_string(task.thread_count)},
      {"rss", std::to_string(task.rss_bytes.value_or(0))},
      {"zombie", std::to_string(task.is_zombie())},
      {"in exec", std::to_string(task.is_in_exec)},
      {"uid", Text(task.uid)},
      {"gid", Text(task.gid)},
      {"capabilities", Text(task.capabilities)},
      {"namespaces", Text(task.namespaces)},
      {"innermost pid", std::to_string(task.innermost_pid)},
      {"login uid", Text(task.login_uid)},
      {"audit session", Text(task.audit_session)},
      {"kernel thread", std::to_string(task.is_kernel_thread())},
      {"arguments", std::string(task.arguments)},
      {"total arguments", std::to_string(task.total_argument_bytes)},
      {"executable", std::string(task.executable)},
      {"deleted", std::to_string(task.is_deleted || task.is_memfd)},
      {"memfd", std::to_string(task.is_memfd)},
      {"directory", std::string(task.directory)},
      {"image", task.image
                    ? std::to_string(task.image->device) + " " + std::to_string(task.image->inode) +
                          " " + std::to_string(task.image->mode) + " " +
                          std::to_string(task.image->owner_uid)
                    : "none"},
  };
}

// From statm: stat leaves out what each CPU has not yet added up.
std::string ResidentBytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return std::to_string(resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
}

std::optional<Fields> FieldsOf(procfs::ProcessReader& reader, pid_t pid) {
  if (!reader.Select(pid).ok()) return std::nullopt;
  const auto stat = reader.ReadStat();
  const auto status = reader.ReadStatus();
  const auto cmdline = reader.ReadCmdline();
  const auto exe = reader.ReadExeLink();
  const auto cwd = reader.ReadCwd();
  const auto namespaces = reader.ReadNamespaces();
  const auto login = reader.ReadLoginUid();
  const auto audit = reader.ReadAuditSession();
  if (!stat.ok() || !status.ok() || !cmdline.ok() || !exe.ok() || !cwd.ok() || !namespaces.ok() ||
      !login.ok() || !audit.ok() || !status->capabilities.has_value()) {
    return std::nullopt;
  }
  const auto image = reader.StatExe();
  return Fields{
      {"comm", stat->is_kernel_thread() ? "" : std::string(stat->comm)},
      {"ppid", std::to_string(stat->ppid)},
      {"pgrp", std::to_string(stat->pgrp)},
      {"session", std::to_string(stat->session)},
      {"tty", std::to_string(stat->tty_nr)},
      {"start", std::to_string(stat->start_ticks)},
      {"threads", std::to_string(stat->num_threads)},
      {"rss", ResidentBytes(pid)},
      {"zombie", std::to_string(stat->is_zombie())},
      {"in exec", std::to_string(stat->lacks_layout())},
      {"uid", Text(status->uid)},
      {"gid", Text(status->gid)},
      {"capabilities", Text(*status->capabilities)},
      {"namespaces", Text(*namespaces)},
      {"innermost pid", Text(status->innermost_pid)},
      {"login uid", Text(*login)},
      {"audit session", Text(*audit)},
      {"kernel thread", std::to_string(stat->is_kernel_thread())},
      {"arguments", std::string(cmdline->bytes.substr(0, 16'384))},
      {"total arguments", std::to_string(cmdline->total_bytes)},
      {"executable", std::string(exe->path)},
      {"deleted", std::to_string(exe->is_deleted || exe->is_memfd)},
      {"memfd", std::to_string(exe->is_memfd)},
      {"directory", std::string(*cwd)},
      {"image", image.ok()
                    ? std::to_string(image->device) + " " + std::to_string(image->inode) + " " +
                          std::to_string(image->mode) + " " + std::to_string(image->owner_uid)
                    : "none"},
  };
}

class TaskReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto opened = TaskReader::Open();
    ASSERT_TRUE(opened.ok()) << opened.status();
    tasks_ = *std::move(opened);
  }

  std::map<pid_t, Fields> Scan() {
    std::map<pid_t, Fields> found;
    EXPECT_TRUE(tasks_->Begin(TaskReader::Arguments::kRead).ok());
    while (true) {
      const auto next = tasks_->Next();
      EXPECT_TRUE(next.ok()) << next.status();
      if (!next.ok() || *next == nullptr) return found;
      found[static_cast<pid_t>((*next)->pid)] = FieldsOf(**next);
    }
  }

  std::map<pid_t, Fields> ReadProc() {
    std::map<pid_t, Fields> found;
    std::vector<pid_t> pids;
    auto lister = procfs::PidLister::Create(proc_);
    EXPECT_TRUE(lister.ok() && lister->List(pids).ok());
    for (const pid_t pid : pids) {
      const auto fields = FieldsOf(reader_, pid);
      if (fields.has_value()) found[pid] = *fields;
    }
    return found;
  }

  std::unique_ptr<TaskReader> tasks_;
  procfs::ProcFs proc_ = *procfs::ProcFs::Open("/proc");
  procfs::ProcessReader reader_{proc_};
};

class WholeScanTest : public TaskReaderTest, public ::testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(Kernels, WholeScanTest, ::testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Old" : "Present");
});

TEST_P(WholeScanTest, TellsOfEveryProcessWhatProcTells) {
  auto opened = TaskReader::Open({.assumes_old_kernel = GetParam()});
  ASSERT_TRUE(opened.ok()) << opened.status();
  tasks_ = *std::move(opened);
  const std::string program = ::testing::TempDir() + "/deleted";
  procfs::TestChild::CopyProgram(program);
  procfs::TestChild plain(procfs::TestChild::ProgramPath(), {std::string(1000, 'x'), "\xff"});
  procfs::TestChild deleted(program);
  fs::remove(program);
  procfs::TestChild zombie(procfs::TestChild::ProgramPath());
  zombie.Kill();
  const base::UniqueFd memory(::memfd_create("an image", MFD_CLOEXEC));
  const base::UniqueFd file(::open(procfs::TestChild::ProgramPath().c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_GT(::sendfile(memory.get(), file.get(), nullptr, 1 << 30), 0);
  procfs::TestChild in_memory("in memory", {}, memory.get());
  // What others do meanwhile is told apart by reading /proc twice.
  const auto before = ReadProc();
  const auto scanned = Scan();
  const auto after = ReadProc();
  size_t compared = 0;
  for (const auto& [pid, fields] : before) {
    const auto again = after.find(pid);
    if (again == after.end() || again->second != fields) continue;
    const auto found = scanned.find(pid);
    ASSERT_NE(found, scanned.end()) << "pid=" << pid;
    for (const auto& [name, value] : fields) {
      EXPECT_EQ(found->second.at(name), value) << "pid=" << pid << " field=" << name;
    }
    ++compared;
  }
  for (const pid_t pid : {plain.pid(), deleted.pid(), zombie.pid(), in_memory.pid()}) {
    EXPECT_EQ(scanned.count(pid), 1u);
  }
  EXPECT_EQ(scanned.at(deleted.pid()).at("deleted"), "1");
  EXPECT_EQ(scanned.at(zombie.pid()).at("zombie"), "1");
  EXPECT_EQ(scanned.at(in_memory.pid()).at("memfd"), "1");
  EXPECT_GE(compared, 5u);
  RecordProperty("compared", static_cast<int>(compared));
}

// The one process `pid`; its views last until the next scan.
class TaskOfPidTest : public TaskReaderTest {
 protected:
  const TaskRecord* Find(pid_t pid) {
    EXPECT_TRUE(tasks_->Begin(TaskReader::Arguments::kRead).ok());
    while (true) {
      const auto next = tasks_->Next();
      EXPECT_TRUE(next.ok()) << next.status();
      if (!next.ok() || *next == nullptr) return nullptr;
      if ((*next)->pid == static_cast<uint32_t>(pid)) return *next;
    }
  }
};

TEST_F(TaskOfPidTest, TellsTheStateThatItIsIn) {
  procfs::TestChild child(procfs::TestChild::ProgramPath());
  ASSERT_EQ(::kill(child.pid(), SIGSTOP), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child.pid(), &status, WUNTRACED), child.pid());
  const TaskRecord* stopped = Find(child.pid());
  ASSERT_NE(stopped, nullptr);
  EXPECT_EQ(stopped->state, 'T');
  ASSERT_EQ(::kill(child.pid(), SIGCONT), 0);
  child.Kill();
  const TaskRecord* dead = Find(child.pid());
  ASSERT_NE(dead, nullptr);
  EXPECT_EQ(dead->state, 'Z');
}

TEST_F(TaskOfPidTest, TellsWhenItsParentBegan) {
  const procfs::TestChild child(procfs::TestChild::ProgramPath());
  const TaskRecord* own = Find(::getpid());
  ASSERT_NE(own, nullptr);
  const uint64_t own_start_ns = own->start_boottime_ns;
  const TaskRecord* found = Find(child.pid());
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->ppid, static_cast<uint32_t>(::getpid()));
  EXPECT_EQ(found->parent_start_boottime_ns, own_start_ns);
}

TEST_F(TaskOfPidTest, TellsItsPidInEachNamespace) {
  const procfs::TestChild child(procfs::TestChild::ProgramPath());
  // NSpid has one for each namespace, from the reader's to its own.
  std::ifstream file(fmt::format("/proc/{}/status", child.pid()));
  std::string line;
  while (std::getline(file, line) && !line.starts_with("NSpid:")) {
  }
  std::istringstream pids(line.substr(line.find(':') + 1));
  const std::vector<uint32_t> known{std::istream_iterator<uint32_t>(pids), {}};
  ASSERT_FALSE(known.empty());
  const TaskRecord* found = Find(child.pid());
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->pid, known.front());
  EXPECT_EQ(found->innermost_pid, known.back());
  EXPECT_GE(found->pid_namespace_depth + 1, known.size());
  if (found->pid_namespace_depth + 1 == known.size()) {
    EXPECT_EQ(found->host_pid, known.front());
  }
}

// Where the v2 hierarchy is mounted; empty: nowhere.
std::string V2Mount() {
  std::ifstream file("/proc/self/mounts");
  std::string device, path, type, rest;
  while (file >> device >> path >> type && std::getline(file, rest)) {
    if (type == "cgroup2") return path;
  }
  return "";
}

TEST_F(TaskOfPidTest, TellsItsCgroupOfTheV2Hierarchy) {
  const std::string mount = V2Mount();
  if (mount.empty()) GTEST_SKIP() << "no cgroup2 is mounted";
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("0::")) {
  }
  ASSERT_TRUE(line.starts_with("0::"));
  struct stat directory = {};
  ASSERT_EQ(::stat((mount + line.substr(3)).c_str(), &directory), 0);
  const TaskRecord* own = Find(::getpid());
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->cgroup_id, directory.st_ino);
}

// What /proc/PID/cgroup says of hierarchies that have a controller.
std::string ControllersOf(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cgroup", pid));
  std::string text, line;
  while (std::getline(file, line)) {
    if (line.find(":name=") == std::string::npos) text += line + "\n";
  }
  return text;
}

TEST_F(TaskReaderTest, ProcessesOfOneCgroupKeyAreInTheSameCgroups) {
  std::map<uint64_t, std::string> text_of;
  std::map<std::string, uint64_t> key_of;
  ASSERT_TRUE(tasks_->Begin(TaskReader::Arguments::kNone).ok());
  while (true) {
    const auto next = tasks_->Next();
    ASSERT_TRUE(next.ok());
    if (*next == nullptr) break;
    // A zombie has left them.
    const std::string text = ControllersOf(static_cast<pid_t>((*next)->pid));
    if (text.empty() || (*next)->is_zombie()) continue;
    EXPECT_EQ(text_of.emplace((*next)->cgroup_key, text).first->second, text);
    EXPECT_EQ(key_of.emplace(text, (*next)->cgroup_key).first->second, (*next)->cgroup_key);
  }
  EXPECT_GE(text_of.size(), 1u);
  RecordProperty("cgroups", static_cast<int>(text_of.size()));
}

TEST_F(TaskReaderTest, CountsTheCpuOfAllThreads) {
  const auto cpu_ns = [this]() -> uint64_t {
    EXPECT_TRUE(tasks_->Begin(TaskReader::Arguments::kNone).ok());
    uint64_t found = 0;
    while (true) {
      const auto next = tasks_->Next();
      if (!next.ok() || *next == nullptr) return found;
      if ((*next)->pid == static_cast<uint32_t>(::getpid())) found = (*next)->cpu_ns;
    }
  };
  const auto spin = [] {
    timespec used = {};
    while (used.tv_nsec < 50'000'000) ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  };
  const uint64_t before = cpu_ns();
  std::thread(spin).join();
  std::thread(spin).join();
  EXPECT_GE(cpu_ns(), before + 100'000'000);
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  const uint64_t own =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  EXPECT_NEAR(static_cast<double>(cpu_ns()), static_cast<double>(own), 20e6);
}

}  // namespace
}  // namespace daemoneye::bpf
