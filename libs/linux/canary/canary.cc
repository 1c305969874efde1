#include "libs/linux/canary/canary.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/canary/canary_program.h"

namespace daemoneye::canary {
namespace {

constexpr char kName[] = "daemoneye-canary";
// Far more than a process that ends at once takes.
constexpr absl::Duration kTrialPatience = absl::Seconds(2);
// Since 6.3 (memfd_create(2)); older kernels refuse what they do not know, and need no such word.
constexpr unsigned kMemfdExec = 0x10;

absl::Status StatusOf(int error, const char* what) {
  const std::string message =
      fmt::format("the canary: cannot {}: {}", what, std::generic_category().message(error));
  switch (error) {
    case EACCES:
    case EPERM:
    case ENOSYS:
      return absl::PermissionDeniedError(message + ": memfds may not be executed here");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::StatusOr<base::UniqueFd> MakeProgram() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  base::UniqueFd fd(::memfd_create(kName, kFlags | kMemfdExec));
  if (!fd.valid() && errno == EINVAL) fd.Reset(::memfd_create(kName, kFlags));
  if (!fd.valid()) return StatusOf(errno, "make a memfd");
  const ssize_t written = ::write(fd.get(), kCanaryProgram, sizeof kCanaryProgram);
  if (written != static_cast<ssize_t>(sizeof kCanaryProgram)) {
    return StatusOf(written < 0 ? errno : ENOSPC, "write its program");
  }
  if (::fchmod(fd.get(), 0500) != 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
          0) {
    return StatusOf(errno, "seal its program");
  }
  return fd;
}

void MindChildren() {
  struct sigaction action = {};
  if (::sigaction(SIGCHLD, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) return;
  action = {};
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &action, nullptr);
}

// True when `pid`, a child, has ended and is reaped, or is none of ours any more.
bool TryReap(pid_t pid) {
  pid_t reaped = 0;
  do {
    reaped = ::waitpid(pid, nullptr, WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  return reaped == pid || (reaped < 0 && errno == ECHILD);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Canary>> Canary::Create() {
  ASSIGN_OR_RETURN(base::UniqueFd program, MakeProgram());
  MindChildren();
  std::unique_ptr<Canary> canary(new Canary(std::move(program)));
  RETURN_IF_ERROR(canary->Spawn().status());
  RETURN_IF_ERROR(canary->Reap(kTrialPatience));
  return canary;
}

Canary::~Canary() {
  if (!Reap(absl::ZeroDuration()).ok()) static_cast<void>(Reap(kTrialPatience));
}

absl::StatusOr<uint32_t> Canary::Spawn() {
  if (pid_ != 0) return absl::FailedPreconditionError("the last canary is not reaped");
  const std::string path = fmt::format("/proc/self/fd/{}", program_.get());
  std::string name = kName;
  char* const arguments[] = {name.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments, environment);
  if (error != 0) return StatusOf(error, "start it");
  pid_ = pid;
  return static_cast<uint32_t>(pid);
}

absl::Status Canary::Reap(absl::Duration patience) {
  if (pid_ == 0) return absl::OkStatus();
  if (!TryReap(pid_)) {
    // pidfd_open(2): 5.3.
    const base::UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (ended.valid()) {
      pollfd readable = {.fd = ended.get(), .events = POLLIN, .revents = 0};
      const auto milliseconds = static_cast<int>(absl::ToInt64Milliseconds(patience));
      while (::poll(&readable, 1, milliseconds) < 0 && errno == EINTR) {
      }
    }
    if (!TryReap(pid_)) {
      ::kill(pid_, SIGKILL);
      return absl::UnavailableError(fmt::format("the canary still runs: pid={}", pid_));
    }
  }
  pid_ = 0;
  return absl::OkStatus();
}

}  // namespace daemoneye::canary
