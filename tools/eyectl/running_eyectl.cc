#include "tools/eyectl/running_eyectl.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace daemoneye::eyectl {
namespace {

constexpr char kBinary[] = "tools/eyectl/eyectl";

// Reads until `fd` ends.
std::string ReadAll(int fd) {
  std::string out;
  char buffer[4096];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n <= 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

RunningEyectl::RunningEyectl(const std::vector<std::string>& args) {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) return;
  out_.Reset(out[0]);
  err_.Reset(err[0]);
  const base::UniqueFd out_writer(out[1]), err_writer(err[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out_writer.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_writer.get(), STDERR_FILENO);
  std::vector<char*> argv = {const_cast<char*>(kBinary)};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  if (::posix_spawn(&pid_, kBinary, &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&actions);
}

RunningEyectl::~RunningEyectl() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string RunningEyectl::ReadLine() {
  while (read_.find('\n') == std::string::npos) {
    char c;
    if (::read(out_.get(), &c, 1) != 1) return std::exchange(read_, "");
    read_ += c;
  }
  return std::exchange(read_, "");
}

void RunningEyectl::Signal(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);  // -1 would be every process there is
}

void RunningEyectl::CloseOutput() { out_.Reset(); }

// Its error texts are short: they fit the pipe while the output is read.
Ended RunningEyectl::Wait() {
  Ended ended;
  if (out_.valid()) ended.out = ReadAll(out_.get());
  ended.err = ReadAll(err_.get());
  int status = 0;
  if (::waitpid(std::exchange(pid_, -1), &status, 0) < 0) return ended;
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

Ended RunEyectlBinary(const std::vector<std::string>& args) { return RunningEyectl(args).Wait(); }

}  // namespace daemoneye::eyectl
