#include "libs/alerting/file_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "libs/alerting/alert_text.h"
#include "libs/alerting/fd_writer.h"
#include "libs/base/status_macros.h"

namespace daemoneye::alerting {
namespace {

constexpr mode_t kMode = 0640;
// Of a path that is a pipe whose reader does not read.
constexpr absl::Duration kTimeout = absl::Seconds(10);

absl::Status FileError(std::string_view what, const std::string& path, int error) {
  const std::string text =
      fmt::format("{} {}: {}", what, path, std::generic_category().message(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(text)
                                            : absl::UnavailableError(text);
}

}  // namespace

DeliveryResult FileSink::Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) {
  if (stop.stop_requested()) return {.status = absl::CancelledError("told to stop")};
  std::string lines;
  for (const v1::Alert& alert : alerts) lines += AlertJson(alert) + '\n';
  absl::Status status = Open();
  if (status.ok()) status = Append(lines);
  if (!status.ok()) return {.status = status};
  return {.delivered = alerts.size()};
}

bool FileSink::IsStillAtPath() const {
  struct stat opened, at_path;
  return ::fstat(fd_.get(), &opened) == 0 && ::stat(path_.c_str(), &at_path) == 0 &&
         opened.st_dev == at_path.st_dev && opened.st_ino == at_path.st_ino;
}

absl::Status FileSink::Open() {
  const bool must_reopen = must_reopen_.exchange(false);
  if (fd_.valid() && !must_reopen && IsStillAtPath()) return absl::OkStatus();
  // Non-blocking: a pipe without a reader is an error at once. O_NOFOLLOW is not asked for: a link
  // to another disk is the operator's right.
  const int fd =
      ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, kMode);
  if (fd < 0) {
    const int error = errno;
    fd_.Reset();
    return FileError("cannot open", path_, error);
  }
  fd_.Reset(fd);
  is_line_cut_ = false;
  return absl::OkStatus();
}

absl::Status FileSink::Append(const std::string& lines) {
  struct stat before;
  if (::fstat(fd_.get(), &before) != 0) return FileError("cannot stat", path_, errno);
  const std::string bytes = is_line_cut_ ? '\n' + lines : lines;
  // Without the stop token: what was begun is soon written, or taken back.
  const WriteResult written = WriteAll(fd_.get(), bytes, kTimeout, {});
  if (written.status.ok()) {
    is_line_cut_ = false;
    // EINVAL: what cannot be synced, such as a pipe.
    if (::fdatasync(fd_.get()) != 0 && errno != EINVAL && errno != EROFS) {
      return FileError("cannot sync", path_, errno);
    }
    return absl::OkStatus();
  }
  if (written.written > 0 && ::ftruncate(fd_.get(), before.st_size) != 0) is_line_cut_ = true;
  return absl::Status(written.status.code(),
                      fmt::format("{}: {}", path_, std::string(written.status.message())));
}

}  // namespace daemoneye::alerting
