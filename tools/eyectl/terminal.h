// What eyectl writes to: a descriptor, and the colours that may be used on it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace daemoneye::eyectl {

enum class Tone { kPlain, kDim, kGood, kChange, kWarning, kAlarm };

// Paints texts, or leaves them as they are.
class Style {
 public:
  explicit Style(bool colour) : colour_(colour) {}

  // Colour on a terminal only, and not where NO_COLOR is set to anything or TERM is "dumb".
  static Style For(int fd);

  // `text` in the colour of `tone`. `text` must be safe to print already.
  std::string Paint(Tone tone, std::string_view text) const;

 private:
  bool colour_;
};

// Writes whole texts to a descriptor, at once. Thread-compatible; borrows the descriptor.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  // Blocks until all is written. Cancelled when the reader is gone (a broken pipe), which ends a
  // command without an error; Unavailable when the text cannot be written, such as a full disk.
  absl::Status Write(std::string_view text);

  bool IsTerminal() const;
  // Columns of the terminal; 0 when this is none, so that no line is cut.
  int Columns() const;

 private:
  int fd_;
};

}  // namespace daemoneye::eyectl
