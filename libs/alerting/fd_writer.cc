#include "libs/alerting/fd_writer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <system_error>

#include "libs/base/unique_fd.h"

namespace daemoneye::alerting {
namespace {

absl::Status WriteError(int error) {
  const std::string text = fmt::format("cannot write: {}", std::generic_category().message(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(text)
                                            : absl::UnavailableError(text);
}

// Waits until `fd` takes a piece of PIPE_BUF bytes without blocking (pipe(7)).
absl::Status AwaitWritable(int fd, int stop_fd, absl::Duration timeout,
                           const std::stop_token& stop) {
  pollfd fds[2] = {{fd, POLLOUT, 0}, {stop_fd, POLLIN, 0}};
  while (true) {
    if (stop.stop_requested()) return absl::CancelledError("told to stop");
    const int ready = ::poll(fds, 2, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
    if (ready == 0) {
      return absl::DeadlineExceededError(
          fmt::format("nothing was read for {} ms", absl::ToInt64Milliseconds(timeout)));
    }
    if (ready < 0 && errno != EINTR) return WriteError(errno);
    // An error or a reader that has gone: the write says which.
    if (ready > 0 && fds[0].revents != 0) return absl::OkStatus();
  }
}

}  // namespace

WriteResult WriteAll(int fd, std::string_view bytes, absl::Duration timeout,
                     const std::stop_token& stop) {
  const base::UniqueFd stop_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback wake(stop, [&] {
    const uint64_t one = 1;
    // Fails only where it is written already.
    [[maybe_unused]] const ssize_t n = ::write(stop_fd.get(), &one, sizeof(one));
  });
  WriteResult result;
  while (result.written < bytes.size()) {
    result.status = AwaitWritable(fd, stop_fd.get(), timeout, stop);
    if (!result.status.ok()) return result;
    const size_t piece = std::min<size_t>(bytes.size() - result.written, PIPE_BUF);
    const ssize_t n = ::write(fd, bytes.data() + result.written, piece);
    if (n >= 0) {
      result.written += static_cast<size_t>(n);
    } else if (errno != EINTR && errno != EAGAIN) {
      result.status = WriteError(errno);
      return result;
    }
  }
  return result;
}

}  // namespace daemoneye::alerting
