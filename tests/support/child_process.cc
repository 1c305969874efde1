#include "tests/support/child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "fmt/format.h"

namespace daemoneye::testing_support {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The test's environment without settings of the suite, and what the test adds.
std::vector<std::string> Environment(const std::vector<std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("DAEMONEYE_")) all.emplace_back(*entry);
  }
  all.insert(all.end(), added.begin(), added.end());
  return all;
}

// In the child: only what is safe between fork and exec.
[[noreturn]] void Become(const char* const* argv, const char* const* environment,
                         std::optional<uid_t> user, int output) {
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  const int input = ::open("/dev/null", O_RDONLY);
  ::dup2(input, STDIN_FILENO);
  if (user.has_value() &&
      (::setgroups(0, nullptr) != 0 || ::setgid(*user) != 0 || ::setuid(*user) != 0)) {
    ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // however the test ends
  ::execve(argv[0], const_cast<char* const*>(argv), const_cast<char* const*>(environment));
  ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const ChildSpec& spec)
    : name_(spec.argv[0].substr(spec.argv[0].rfind('/') + 1)) {
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) std::abort();
  const std::vector<std::string> environment = Environment(spec.environment);
  const std::vector<char*> argv = Pointers(spec.argv), envp = Pointers(environment);
  pid_ = ::fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) Become(argv.data(), envp.data(), spec.user, output[1]);
  ::close(output[1]);
  output_fd_.Reset(output[0]);
  reader_ = base::Thread("child-output", [this](std::stop_token stop) { Read(stop); });
}

ChildProcess::~ChildProcess() {
  Kill();
  if (::testing::Test::HasFailure()) {
    fmt::print(stderr, "---- what {} wrote:\n{}----\n", name_, output());
  }
}

void ChildProcess::Read(std::stop_token) {
  char buffer[4096];
  while (true) {
    const ssize_t count = ::read(output_fd_.get(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    base::MutexLock lock(mu_);
    if (count > 0) output_.append(buffer, static_cast<size_t>(count));
    if (count <= 0) is_at_end_ = true;
    changed_.NotifyAll();
    if (count <= 0) return;
  }
}

std::string ChildProcess::output() const {
  base::MutexLock lock(mu_);
  return output_;
}

std::optional<std::string> ChildProcess::AwaitLine(const std::vector<std::string_view>& texts,
                                                   absl::Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  base::MutexLock lock(mu_);
  while (true) {
    for (size_t end; (end = output_.find('\n', searched_)) != std::string::npos;) {
      const std::string line = output_.substr(searched_, end - searched_);
      searched_ = end + 1;
      const bool is_found = std::ranges::all_of(
          texts, [&](std::string_view text) { return line.find(text) != std::string::npos; });
      if (is_found) return line;
    }
    if (is_at_end_ || std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    changed_.WaitUntil(mu_, deadline);
  }
}

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0 && !code_.has_value()) ::kill(pid_, signal);
}

// The end of its output is its own end: nobody else holds the pipe.
std::optional<int> ChildProcess::AwaitExit(absl::Duration timeout) {
  if (code_.has_value()) return code_;
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  {
    base::MutexLock lock(mu_);
    while (!is_at_end_) {
      if (!changed_.WaitUntil(mu_, deadline) && !is_at_end_) return std::nullopt;
    }
  }
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

void ChildProcess::Kill() {
  Signal(SIGKILL);
  AwaitExit();
}

uint64_t ChildProcess::AnonymousBytes() const {
  std::ifstream file(fmt::format("/proc/{}/status", pid_));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("RssAnon:")) return std::strtoull(line.c_str() + 8, nullptr, 10) * 1024;
  }
  return 0;
}

Ended RunToEnd(const ChildSpec& spec, absl::Duration timeout) {
  ChildProcess child(spec);
  const std::optional<int> code = child.AwaitExit(timeout);
  return {.code = code.value_or(-1), .output = child.output()};
}

}  // namespace daemoneye::testing_support
