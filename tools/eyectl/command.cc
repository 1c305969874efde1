#include "tools/eyectl/command.h"

#include <fmt/format.h>

#include "libs/base/text.h"

namespace daemoneye::eyectl {

absl::Status Command::SetArguments(std::span<const std::string> arguments) {
  if (arguments.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not understood: {} takes only flags, written --name=value",
                  base::EscapeForTerminal(arguments[0]), name()));
}

}  // namespace daemoneye::eyectl
