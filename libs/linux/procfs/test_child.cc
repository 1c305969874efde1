#include "libs/linux/procfs/test_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace daemoneye::procfs {
namespace {

void Require(bool is_good) {
  if (!is_good) std::abort();
}

}  // namespace

std::string TestChild::ProgramPath() {
  // Bazel starts a test where its data is.
  return std::filesystem::absolute("libs/linux/procfs/test_child_main");
}

void TestChild::CopyProgram(const std::string& path) {
  std::filesystem::copy_file(ProgramPath(), path,
                             std::filesystem::copy_options::overwrite_existing);
}

TestChild::TestChild(const std::string& path, std::vector<std::string> arguments, int image_fd) {
  int to_child[2];
  int from_child[2];
  Require(::pipe2(to_child, O_CLOEXEC) == 0 && ::pipe2(from_child, O_CLOEXEC) == 0);
  arguments.insert(arguments.begin(), path);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  Require(pid_ >= 0);
  if (pid_ == 0) {
    ::dup2(to_child[0], STDIN_FILENO);
    ::dup2(from_child[1], STDOUT_FILENO);
    if (image_fd >= 0) {
      ::fexecve(image_fd, argv.data(), environ);
    } else {
      ::execv(path.c_str(), argv.data());
    }
    ::_exit(127);
  }
  ::close(to_child[0]);
  ::close(from_child[1]);
  input_.Reset(to_child[1]);
  char ready = 0;
  Require(::read(from_child[0], &ready, 1) == 1);
  ::close(from_child[0]);
}

TestChild::~TestChild() { Reap(); }

void TestChild::Kill() {
  Require(::kill(pid_, SIGKILL) == 0);
  siginfo_t ended;
  Require(::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT) == 0);
}

void TestChild::Reap() {
  if (pid_ == 0) return;
  input_.Reset();  // it ends by itself where we may not kill it any more
  ::kill(pid_, SIGKILL);
  Require(::waitpid(pid_, nullptr, 0) == pid_);
  pid_ = 0;
}

}  // namespace daemoneye::procfs
