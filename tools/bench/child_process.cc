#include "tools/bench/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/time/clock.h"
#include "fmt/format.h"

extern char** environ;

namespace daemoneye::bench {
namespace {

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "bench: {}\n", what);
  std::exit(1);
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> argv, const std::string& log) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<char*> pointers;
  for (std::string& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const int error =
      posix_spawn(&pid_, argv[0].c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    Die(fmt::format("cannot run {}: {}", argv[0], std::generic_category().message(error)));
}

ChildProcess::~ChildProcess() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Duration CpuTimeOf(pid_t pid) {
  clockid_t clock = {};
  timespec used = {};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return {};
  return absl::DurationFromTimespec(used);
}

absl::Duration ChildProcess::CpuTime() const {
  std::ifstream file(fmt::format("/proc/{}/stat", pid_));
  std::string text;
  std::getline(file, text);
  // proc(5): cutime and cstime are fields 16 and 17; the name may hold spaces, but no ')' follows
  // it.
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  uint64_t user = 0, system = 0;
  for (int i = 3; i <= 15; ++i) fields >> field;
  fields >> user >> system;
  return CpuTimeOf(pid_) + absl::Seconds(static_cast<double>(user + system) / sysconf(_SC_CLK_TCK));
}

uint64_t ChildProcess::StatusBytes(std::string_view field) const {
  std::ifstream file(fmt::format("/proc/{}/status", pid_));
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field)) continue;
    return std::strtoull(line.c_str() + field.size(), nullptr, 10) * 1024;
  }
  return 0;
}

absl::Duration ChildProcess::End(int signal) {
  const absl::Time begin = absl::Now();
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return absl::Now() - begin;
}

absl::Duration ChildProcess::Terminate() { return End(SIGTERM); }

bool AwaitSocket(const std::string& path, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (absl::Now() < deadline) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    const bool is_open = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(fd);
    if (is_open) return true;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return false;
}

TempDirectory::TempDirectory() {
  char pattern[] = "/tmp/daemoneye-bench-XXXXXX";
  if (mkdtemp(pattern) == nullptr) Die("cannot make a directory under /tmp");
  path_ = pattern;
}

TempDirectory::~TempDirectory() { std::filesystem::remove_all(path_); }

Sleepers::Sleepers(size_t count) {
  const pid_t parent = getpid();
  for (size_t i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid < 0) Die(fmt::format("cannot fork {} processes", count));
    if (pid == 0) {
      // Ends with the benchmark, however that ends.
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(0);
      while (true) pause();
    }
    pids_.push_back(pid);
  }
}

Sleepers::~Sleepers() {
  for (const pid_t pid : pids_) kill(pid, SIGKILL);
  for (const pid_t pid : pids_) waitpid(pid, nullptr, 0);
}

}  // namespace daemoneye::bench
