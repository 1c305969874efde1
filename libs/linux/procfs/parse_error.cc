#include "libs/linux/procfs/parse_error.h"

#include <fmt/format.h>

#include "libs/base/text.h"

namespace daemoneye::procfs {

absl::Status ParseError(std::string_view file, std::string_view field, std::string_view at) {
  return absl::DataLossError(fmt::format("cannot parse file={} field={} excerpt=\"{}\"", file,
                                         field, base::EscapeForTerminal(at.substr(0, 64))));
}

}  // namespace daemoneye::procfs
