// examplemond: the smallest monitor: one source, and everything else from libs/monitor.

#include "libs/monitor/monitor_main.h"
#include "tests/example_monitor/load_source.h"

int main(int argc, char** argv) {
  return daemoneye::monitor::MonitorMain(
      argc, argv, {.name = "examplemond", .make = [](const auto& context) {
                     daemoneye::monitor::MonitorParts parts;
                     parts.sources.push_back(daemoneye::example::MakeLoadSource(context.clock));
                     return parts;
                   }});
}
