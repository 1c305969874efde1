#include "libs/logging/stderr_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace daemoneye::logging {
namespace {

constexpr int kPatienceMs = 100;

}  // namespace

bool StderrWriter::AwaitRoom() {
  pollfd target = {.fd = fd_, .events = POLLOUT, .revents = 0};
  int ready;
  do {
    ready = poll(&target, 1, is_stuck_.load(std::memory_order_relaxed) ? 0 : kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  const bool has_room = ready > 0 && (target.revents & POLLOUT) != 0;
  is_stuck_.store(!has_room, std::memory_order_relaxed);
  return has_room;
}

void StderrWriter::WriteLine(std::string_view line) {
  std::string bytes;
  bytes.reserve(line.size() + 1);
  bytes.append(line).push_back('\n');
  std::string_view rest = bytes;
  while (!rest.empty()) {
    if (!AwaitRoom()) break;
    const ssize_t count = write(fd_, rest.data(), rest.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) break;
    rest.remove_prefix(static_cast<size_t>(count));
  }
  if (!rest.empty()) dropped_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace daemoneye::logging
