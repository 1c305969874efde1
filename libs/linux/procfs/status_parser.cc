#include "libs/linux/procfs/status_parser.h"

#include <charconv>
#include <cstddef>

#include "libs/linux/procfs/parse_error.h"

namespace daemoneye::procfs {
namespace {

// The next number of `text`, cut off it; nullopt when there is none that fits T.
template <typename T>
std::optional<T> TakeNumber(std::string_view& text, int base = 10) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return std::nullopt;
  T value;
  const char* end_of_text = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + start, end_of_text, value, base);
  if (error != std::errc() || (end != end_of_text && *end != ' ' && *end != '\t')) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

bool TakeCredential(std::string_view value, Credential& out) {
  for (uint32_t* id : {&out.real, &out.effective, &out.saved, &out.filesystem}) {
    const auto number = TakeNumber<uint32_t>(value);
    if (!number) return false;
    *id = *number;
  }
  return true;
}

bool TakeFlag(std::string_view value, std::optional<bool>& out) {
  const auto number = TakeNumber<uint32_t>(value);
  if (number) out = *number != 0;
  return number.has_value();
}

bool TakeCount(std::string_view value, std::optional<uint32_t>& out) {
  out = TakeNumber<uint32_t>(value);
  return out.has_value();
}

bool TakeCapabilities(std::string_view which, std::string_view value, ProcStatus& status) {
  const auto mask = TakeNumber<uint64_t>(value, 16);
  if (!mask) return false;
  if (!status.capabilities) status.capabilities.emplace();
  if (which == "CapInh") status.capabilities->inheritable = *mask;
  if (which == "CapPrm") status.capabilities->permitted = *mask;
  if (which == "CapEff") status.capabilities->effective = *mask;
  if (which == "CapBnd") status.capabilities->bounding = *mask;
  if (which == "CapAmb") status.capabilities->ambient = *mask;
  return true;
}

// The pids of the process in this procfs's namespace, then in each below it.
bool TakeNamespacePids(std::string_view value, ProcStatus& status) {
  uint32_t count = 0;
  while (const auto pid = TakeNumber<uint32_t>(value)) {
    status.innermost_pid = pid;
    ++count;
  }
  if (count > 0) status.pid_namespace_depth = count - 1;
  return count > 0 && value.find_first_not_of(" \t") == std::string_view::npos;
}

struct Progress {
  ProcStatus status;
  bool has_uid = false;
  bool has_gid = false;
};

// False when the line is one of ours and not as the kernel writes it.
bool TakeLine(std::string_view key, std::string_view value, Progress& progress) {
  ProcStatus& status = progress.status;
  switch (key[0]) {
    case 'C':
      return !(key.size() == 6 && key.starts_with("Cap")) || TakeCapabilities(key, value, status);
    case 'G':
      return key != "Gid" || (progress.has_gid = TakeCredential(value, status.gid));
    case 'K':
      return key != "Kthread" || TakeFlag(value, status.is_kernel_thread);
    case 'N':
      if (key == "NSpid") return TakeNamespacePids(value, status);
      return key != "NoNewPrivs" || TakeFlag(value, status.has_no_new_privileges);
    case 'S':
      return key != "Seccomp" || TakeCount(value, status.seccomp_mode);
    case 'T':
      if (key == "Threads") return TakeCount(value, status.thread_count);
      return key != "TracerPid" || TakeCount(value, status.tracer_pid);
    case 'U':
      return key != "Uid" || (progress.has_uid = TakeCredential(value, status.uid));
    default:
      return true;
  }
}

// The first letters of the lines that TakeLine() looks at: half of the lines are passed over by it.
bool IsOneOfOurs(char first) {
  return std::string_view("CGKNSTU").find(first) != std::string_view::npos;
}

}  // namespace

absl::StatusOr<ProcStatus> ParseStatus(std::string_view text) {
  Progress progress;
  while (!text.empty()) {
    const size_t length = text.find('\n');
    const std::string_view line = text.substr(0, length);
    text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
    if (line.empty() || !IsOneOfOurs(line[0])) continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    if (!TakeLine(key, line.substr(colon + 1), progress)) return ParseError("status", key, line);
  }
  if (!progress.has_uid || !progress.has_gid) {
    return ParseError("status", progress.has_uid ? "Gid" : "Uid", "");
  }
  return progress.status;
}

}  // namespace daemoneye::procfs
