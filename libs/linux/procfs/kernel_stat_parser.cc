#include "libs/linux/procfs/kernel_stat_parser.h"

#include <charconv>
#include <cstddef>

#include "libs/linux/procfs/parse_error.h"

namespace daemoneye::procfs {
namespace {

bool TakeValue(std::string_view line, size_t key_size, auto& out) {
  const char* end_of_line = line.data() + line.size();
  const auto [end, error] = std::from_chars(line.data() + key_size, end_of_line, out);
  return error == std::errc() && end == end_of_line;
}

}  // namespace

absl::StatusOr<KernelStat> ParseKernelStat(std::string_view text) {
  KernelStat stat;
  bool has_processes = false;
  bool has_boot_time = false;
  while (!text.empty()) {
    const size_t length = text.find('\n');
    const std::string_view line = text.substr(0, length);
    text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
    bool is_good = true;
    if (line.starts_with("processes ")) {
      is_good = has_processes = TakeValue(line, 10, stat.processes_started_count);
    } else if (line.starts_with("btime ")) {
      is_good = has_boot_time = TakeValue(line, 6, stat.boot_time_seconds);
    } else if (line.starts_with("procs_running ")) {
      is_good = TakeValue(line, 14, stat.running_count);
    } else if (line.starts_with("procs_blocked ")) {
      is_good = TakeValue(line, 14, stat.blocked_count);
    }
    if (!is_good) return ParseError("/stat", line.substr(0, line.find(' ')), line);
  }
  if (!has_processes) return ParseError("/stat", "processes", "");
  if (!has_boot_time) return ParseError("/stat", "btime", "");
  return stat;
}

}  // namespace daemoneye::procfs
