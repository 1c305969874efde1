#include "libs/linux/procfs/cmdline_parser.h"

namespace daemoneye::procfs {

size_t SplitCmdline(std::string_view bytes, size_t max_arguments,
                    std::vector<std::string_view>& arguments) {
  arguments.clear();
  if (bytes.empty()) return 0;
  const size_t last = bytes.find_last_not_of('\0');
  const size_t first_end = bytes.find('\0');
  if (last != std::string_view::npos &&
      first_end > last) {  // one argument, and nothing but NULs behind it
    bytes = bytes.substr(0, last + 1);
  } else if (bytes.back() == '\0') {
    bytes.remove_suffix(1);
  }
  size_t count = 0;
  while (true) {
    const size_t length = bytes.find('\0');
    if (count < max_arguments) arguments.push_back(bytes.substr(0, length));
    ++count;
    if (length == std::string_view::npos) return count;
    bytes.remove_prefix(length + 1);
  }
}

}  // namespace daemoneye::procfs
