#include "tools/bench/exec_load.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::bench {
namespace {

std::string ReadLine(FILE* file) {
  std::array<char, 4096> line = {};
  return file != nullptr && fgets(line.data(), line.size(), file) != nullptr ? line.data() : "";
}

[[noreturn]] void Die(const std::string& why) {
  fmt::print(stderr, "bench: exec_spawner {}\n", why);
  std::exit(1);
}

}  // namespace

ExecLoad::ExecLoad(const std::string& bin, const ExecLoadSpec& spec) {
  const std::string command = fmt::format("exec '{}/tools/bench/exec_spawner' {} {} {}", bin,
                                          spec.count, spec.at_once, spec.rate);
  pipe_ = popen(command.c_str(), "r");
  std::istringstream line(ReadLine(pipe_));
  std::string word;
  line >> word;
  for (pid_t pid = 0; line >> pid;) workers_.push_back(pid);
  if (word != "workers" || std::cmp_not_equal(workers_.size(), spec.at_once)) Die("does not begin");
}

ExecLoad::~ExecLoad() {
  if (pipe_ != nullptr) pclose(pipe_);
}

ExecLoadEnd ExecLoad::Wait() {
  std::istringstream line(ReadLine(pipe_));
  std::string word;
  int64_t wall_ns = 0, cpu_ns = 0;
  line >> word >> wall_ns >> cpu_ns;
  if (word != "done" || pclose(std::exchange(pipe_, nullptr)) != 0) Die("could not run them all");
  return {.wall = absl::Nanoseconds(wall_ns), .cpu = absl::Nanoseconds(cpu_ns)};
}

BusyLoops::BusyLoops(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (volatile uint64_t spin = 0;;) spin = spin + 1;
    }
    if (pid > 0) pids_.push_back(pid);
  }
}

BusyLoops::~BusyLoops() {
  for (const pid_t pid : pids_) kill(pid, SIGKILL);
  for (const pid_t pid : pids_) waitpid(pid, nullptr, 0);
}

}  // namespace daemoneye::bench
