#include "tools/eyectl/eyectl.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "libs/base/text.h"
#include "libs/base/version.h"
#include "tools/eyectl/alerts_command.h"
#include "tools/eyectl/analyzers_command.h"
#include "tools/eyectl/command.h"
#include "tools/eyectl/connection.h"
#include "tools/eyectl/events_command.h"
#include "tools/eyectl/flag_set.h"
#include "tools/eyectl/health_command.h"
#include "tools/eyectl/monitors_command.h"
#include "tools/eyectl/query_command.h"
#include "tools/eyectl/status_command.h"
#include "tools/eyectl/task_command.h"
#include "tools/eyectl/trigger_command.h"
#include "tools/eyectl/workflow_command.h"

namespace daemoneye::eyectl {
namespace {

using Commands = std::vector<std::unique_ptr<Command>>;

Commands AllCommands(const base::Clock& clock) {
  Commands commands;
  commands.push_back(std::make_unique<EventsCommand>(clock));
  commands.push_back(std::make_unique<StatusCommand>());
  commands.push_back(std::make_unique<MonitorsCommand>());
  commands.push_back(std::make_unique<AlertsCommand>(clock));
  commands.push_back(std::make_unique<QueryCommand>());
  commands.push_back(std::make_unique<HealthCommand>());
  commands.push_back(std::make_unique<TaskCommand>(clock));
  commands.push_back(std::make_unique<TriggerCommand>(clock));
  commands.push_back(std::make_unique<WorkflowCommand>());
  commands.push_back(std::make_unique<AnalyzersCommand>());
  return commands;
}

std::string Usage(const Commands& commands) {
  std::string out = "usage: eyectl COMMAND [--flag=value ...]\n\n";
  for (const auto& command : commands) {
    out += fmt::format("  {:<10} {}\n", command->name(), command->summary());
  }
  out +=
      "\neyectl COMMAND --help tells a command's flags. EYECTL_ADDRESS is the default of "
      "--address.\neyectl --version tells which one this is.\n";
  return out;
}

// Moves flags that stand before the command behind it.
std::vector<std::string> CommandFirst(std::vector<std::string> args) {
  size_t at = 0;
  while (at < args.size() && args[at].starts_with("--")) {
    const bool has_value =
        args[at].find('=') != std::string::npos || args[at] == "--help" || args[at] == "--version";
    at += has_value ? 1 : 2;
  }
  if (at >= args.size()) return args;
  std::rotate(args.begin(), args.begin() + static_cast<ptrdiff_t>(at),
              args.begin() + static_cast<ptrdiff_t>(at) + 1);
  return args;
}

int WrongUsage(const absl::Status& status, Output& err) {
  // Nothing can be done about an error stream that is gone.
  (void)err.Write(fmt::format("eyectl: {}\n", std::string(status.message())));
  return kExitUsage;
}

int Finish(const absl::Status& status, Output& err) {
  if (status.ok() || absl::IsCancelled(status)) return 0;
  (void)err.Write(fmt::format("eyectl: {}\n", std::string(status.message())));
  return kExitFailed;
}

int RunCommand(Command& command, std::span<const std::string> args, Interrupt& interrupt,
               Output& out, Output& err, Style style) {
  FlagSet flags;
  bool help = false;
  ConnectionOptions options;
  command.AddFlags(flags);
  AddConnectionFlags(flags, &options);
  flags.AddBool("help", "this text", &help);
  const absl::StatusOr<std::vector<std::string>> arguments = flags.Parse(args);
  if (!arguments.ok()) return WrongUsage(arguments.status(), err);
  if (help) {
    return Finish(out.Write(fmt::format(
                      "usage: eyectl {} {}[--flag=value ...]: {}\n\n{}", command.name(),
                      command.arguments().empty() ? "" : fmt::format("{} ", command.arguments()),
                      command.summary(), flags.Help())),
                  err);
  }
  if (const absl::Status status = command.SetArguments(*arguments); !status.ok()) {
    return WrongUsage(status, err);
  }
  const absl::StatusOr<Connection> connection = Connection::Open(options);
  if (!connection.ok()) return Finish(connection.status(), err);
  Session session{*connection, interrupt, out, err, style};
  const absl::StatusOr<int> code = command.Run(session);
  if (code.ok()) return *code;
  return interrupt.requested() ? kExitInterrupted : Finish(code.status(), err);
}

}  // namespace

int RunEyectl(const std::vector<std::string>& args, const base::Clock& clock, Interrupt& interrupt,
              Output& out, Output& err, Style style) {
  const Commands commands = AllCommands(clock);
  const std::vector<std::string> ordered = CommandFirst(args);
  if (ordered.empty() || ordered[0] == "--help" || ordered[0] == "-h" || ordered[0] == "help") {
    const absl::Status written = (ordered.empty() ? err : out).Write(Usage(commands));
    return ordered.empty() ? kExitUsage : Finish(written, err);
  }
  if (ordered[0] == "--version") {
    return Finish(out.Write(fmt::format("eyectl {}\n", base::kVersion)), err);
  }
  std::vector<std::string> names;
  for (const auto& command : commands) {
    if (command->name() == ordered[0]) {
      return RunCommand(*command, std::span(ordered).subspan(1), interrupt, out, err, style);
    }
    names.emplace_back(command->name());
  }
  const auto nearest = NearestName(ordered[0], names);
  return WrongUsage(
      absl::InvalidArgumentError(fmt::format("no command '{}'{}; eyectl --help names them",
                                             base::EscapeForTerminal(ordered[0]),
                                             nearest ? "; did you mean " + *nearest + "?" : "")),
      err);
}

}  // namespace daemoneye::eyectl
