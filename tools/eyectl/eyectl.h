// Eyectl: finds the command in the arguments, parses its flags, runs it.
#pragma once

#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "tools/eyectl/interrupt.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Runs what `args` (without the program's name) ask for and returns the exit code: 0 done, 1 failed
// or answered no, 2 wrong usage. Errors are written to `err` as one line.
int RunEyectl(const std::vector<std::string>& args, const base::Clock& clock, Interrupt& interrupt,
              Output& out, Output& err, Style style);

}  // namespace daemoneye::eyectl
