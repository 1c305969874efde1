// Command: one of eyectl's commands.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/eyectl/connection.h"
#include "tools/eyectl/flag_set.h"
#include "tools/eyectl/interrupt.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

// What a command runs with; all outlives it.
struct Session {
  const Connection& connection;
  Interrupt& interrupt;
  Output& out;
  Output& err;
  Style style;
};

class Command {
 public:
  virtual ~Command() = default;

  virtual std::string_view name() const = 0;
  // One line for the help text.
  virtual std::string_view summary() const = 0;
  // What stands behind the name in the usage line beside flags.
  virtual std::string_view arguments() const { return ""; }

  virtual void AddFlags(FlagSet& flags) = 0;

  // Takes what is not a flag; checks what the flags together mean. InvalidArgument is the caller's
  // mistake.
  virtual absl::Status SetArguments(std::span<const std::string> arguments);

  // Returns the exit code: 0, or 1 for an answer that is no. An error is printed by the caller.
  virtual absl::StatusOr<int> Run(Session& session) = 0;
};

}  // namespace daemoneye::eyectl
