// LiveBlock: some lines that are drawn over themselves while what they tell changes.
//
// For terminals; thread-compatible; borrows the output.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

class LiveBlock {
 public:
  // What a terminal of usual height shows.
  static constexpr int kMaxLines = 23;

  explicit LiveBlock(Output& out) : out_(out) {}

  // Draws `text`, which is safe to print, over what was drawn before; lines that are too wide are
  // cut. Whole, and below it, where it has more than kMaxLines. As Output::Write.
  absl::Status Draw(std::string_view text);

 private:
  Output& out_;
  int drawn_lines_ = 0;
};

// `line` cut to `columns`; a character that is not ASCII may take two. Colours take none.
std::string CutLine(std::string_view line, int columns);

}  // namespace daemoneye::eyectl
