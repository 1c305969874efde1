// The text of a log line, in both formats: pure, so that it is tested without a log.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string_view>

#include "absl/time/time.h"
#include "libs/logging/field.h"
#include "libs/logging/level.h"

namespace daemoneye::logging {

// A line is at most this long, so that writing one to a pipe is atomic (PIPE_BUF); room for the
// newline is left.
inline constexpr size_t kMaxLineBytes = 4095;

struct Record {
  absl::Time time;
  Level level;
  std::string_view component;
  std::string_view message;
  std::span<const Field> fields;
};

using LineBuffer = fmt::basic_memory_buffer<char, 512>;

// Appends one line without a newline. A text (message, key, component, value) of more than 1 KiB is
// cut and ends in "..."; fields for which there is no room are left out, and `truncated=true` says
// so. Text: EscapeForTerminal, and in quotes where it holds what separates fields.
void AppendText(const Record& record, LineBuffer& out);

// Likewise as one JSON object {"time","level","component","msg","fields"}. Control and
// bidirectional characters are \u escapes; what is not UTF-8 is \xHH with backslashes doubled.
void AppendJson(const Record& record, LineBuffer& out);

}  // namespace daemoneye::logging
