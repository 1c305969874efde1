#include "libs/linux/procfs/stat_parser.h"

#include <charconv>
#include <cstddef>

#include "libs/linux/procfs/parse_error.h"

namespace daemoneye::procfs {
namespace {

// Walks the fields behind the name: numbers, one space before each.
class Fields {
 public:
  explicit Fields(std::string_view rest) : at_(rest.data()), end_(rest.data() + rest.size()) {}

  bool AtEnd() const { return at_ == end_ || *at_ == '\n'; }
  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }

  // False when the next field is not a number that fits T.
  template <typename T>
  bool Take(T& out) {
    if (at_ == end_ || *at_ != ' ') return false;
    const auto [end, error] = std::from_chars(at_ + 1, end_, out);
    if (error != std::errc() || (end != end_ && *end != ' ' && *end != '\n')) return false;
    at_ = end;
    return true;
  }

  bool Skip(int count) {
    for (; count > 0; --count) {
      if (at_ == end_ || *at_ != ' ') return false;
      ++at_;
      const char* start = at_;
      while (at_ != end_ && *at_ != ' ' && *at_ != '\n') ++at_;
      if (at_ == start) return false;
    }
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

#define TAKE(field) \
  if (!fields.Take(stat.field)) return ParseError("stat", #field, fields.rest())
#define SKIP(count, name) \
  if (!fields.Skip(count)) return ParseError("stat", name, fields.rest())

// Fields 4 to 24 of proc_pid_stat(5), in its order.
absl::Status TakeRequired(Fields& fields, int64_t page_bytes, ProcStat& stat) {
  TAKE(ppid);
  TAKE(pgrp);
  TAKE(session);
  int32_t tty_nr = 0;
  if (!fields.Take(tty_nr)) return ParseError("stat", "tty_nr", fields.rest());
  stat.tty_nr = static_cast<uint32_t>(tty_nr);
  SKIP(1, "tpgid");
  TAKE(flags);
  TAKE(minor_faults_count);
  SKIP(1, "cminflt");
  TAKE(major_faults_count);
  SKIP(1, "cmajflt");
  TAKE(utime_ticks);
  TAKE(stime_ticks);
  SKIP(3, "cutime");
  TAKE(nice);
  TAKE(num_threads);
  SKIP(1, "itrealvalue");
  TAKE(start_ticks);
  TAKE(vsize_bytes);
  int64_t rss_pages = 0;
  if (!fields.Take(rss_pages)) return ParseError("stat", "rss", fields.rest());
  // Kernels before 6.2 count with errors that can be larger than a small value.
  stat.rss_bytes = rss_pages < 0 ? 0 : static_cast<uint64_t>(rss_pages) * page_bytes;
  return absl::OkStatus();
}

// Fields 25 to 52; 45 and up are there since 3.3, the last one since 3.5.
absl::Status TakeOptional(Fields& fields, ProcStat& stat) {
  SKIP(1, "rsslim");
  TAKE(start_code);
  TAKE(end_code);
  TAKE(start_stack);
  SKIP(16, "kstkesp");
  TAKE(start_data);
  SKIP(1, "end_data");
  TAKE(start_brk);
  SKIP(4, "arg_start");
  TAKE(exit_code);
  return absl::OkStatus();
}

// What stands before the name.
bool IsPidAndSpace(std::string_view text, int32_t& pid) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return error == std::errc() && end + 1 == text.data() + text.size() && *end == ' ';
}

}  // namespace

absl::StatusOr<ProcStat> ParseStat(std::string_view text, int64_t page_bytes) {
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return ParseError("stat", "comm", text);
  }
  ProcStat stat;
  if (!IsPidAndSpace(text.substr(0, open), stat.pid)) return ParseError("stat", "pid", text);
  stat.comm = text.substr(open + 1, close - open - 1);
  if (text.size() < close + 3 || text[close + 1] != ' ') {
    return ParseError("stat", "state", text.substr(close));
  }
  stat.state = text[close + 2];
  Fields fields(text.substr(close + 3));
  if (absl::Status status = TakeRequired(fields, page_bytes, stat); !status.ok()) return status;
  if (fields.AtEnd()) return stat;
  if (absl::Status status = TakeOptional(fields, stat); !status.ok()) return status;
  return stat;
}

#undef TAKE
#undef SKIP

}  // namespace daemoneye::procfs
