#include "tools/eyectl/live_block.h"

#include <fmt/format.h>

#include <algorithm>

namespace daemoneye::eyectl {

std::string CutLine(std::string_view line, int columns) {
  std::string out;
  int width = 0;
  bool is_painted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    if (c == '\x1b') {  // one of ours: up to its letter
      const size_t end = line.find('m', i);
      if (end == std::string_view::npos) break;
      out += line.substr(i, end + 1 - i);
      is_painted = true;
      i = end;
      continue;
    }
    if ((c & 0xC0) != 0x80) {  // not the rest of a character
      width += c < 0x80 ? 1 : 2;
      if (width > columns) break;
    }
    out += line[i];
  }
  return width > columns && is_painted ? out + "\x1b[0m" : out;
}

absl::Status LiveBlock::Draw(std::string_view text) {
  std::string out;
  const auto lines = static_cast<int>(std::ranges::count(text, '\n'));
  if (lines > kMaxLines) {
    drawn_lines_ = 0;
    return out_.Write(text);
  }
  if (drawn_lines_ > 0) out = fmt::format("\x1b[{}F\x1b[J", drawn_lines_);
  const int columns = std::max(out_.Columns(), 20);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    out += CutLine(text.substr(0, end), columns) + "\n";
    text.remove_prefix(end + 1);
  }
  drawn_lines_ = lines;
  return out_.Write(out);
}

}  // namespace daemoneye::eyectl
