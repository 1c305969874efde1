#include "tests/example_monitor/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/time/clock.h"

namespace daemoneye::testing {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ServerProcess::ServerProcess(const std::string& binary, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment) {
  std::vector<std::string> argv = {binary};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> env = environment;
  int pipe_fds[2] = {-1, -1};
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
  if (::posix_spawn(&pid_, binary.c_str(), &actions, nullptr, Pointers(argv).data(),
                    Pointers(env).data()) != 0) {
    pid_ = -1;
  }
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_fds[1]);
  output_ = pipe_fds[0];
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  ::close(output_);
}

void ServerProcess::Signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);  // -1 would be every process there is
}

bool ServerProcess::AwaitOutput(const std::string& text) {
  while (read_.find(text) == std::string::npos) {
    if (!ReadMore()) return false;
  }
  return true;
}

ExitResult ServerProcess::Wait() {
  const absl::Time begin = absl::Now();
  while (ReadMore()) {
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
          .out = read_,
          .took = absl::Now() - begin};
}

bool ServerProcess::ReadMore() {
  char buffer[4096];
  ssize_t count = 0;
  do {
    count = ::read(output_, buffer, sizeof(buffer));
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  read_.append(buffer, static_cast<size_t>(count));
  return true;
}

ExitResult RunToEnd(const std::string& binary, const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment) {
  return ServerProcess(binary, arguments, environment).Wait();
}

}  // namespace daemoneye::testing
