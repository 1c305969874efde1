// eyectl: the operator's command line over gRPC, for monitors and gateways alike.

#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "tools/eyectl/eyectl.h"
#include "tools/eyectl/interrupt.h"
#include "tools/eyectl/terminal.h"

int main(int argc, char** argv) {
  using namespace daemoneye::eyectl;  // NOLINT(google-build-using-namespace): the whole file is
                                      // main
  std::signal(SIGPIPE, SIG_IGN);      // a reader that is gone is an error of write(2)
  Interrupt interrupt;                // before gRPC starts threads
  Output out(STDOUT_FILENO), err(STDERR_FILENO);
  const std::vector<std::string> args(argv + 1, argv + argc);
  return RunEyectl(args, daemoneye::base::Clock::Real(), interrupt, out, err,
                   Style::For(STDOUT_FILENO));
}
