// procmond: streams a host's processes as they start, change and stop.

#include "libs/config/collector_options.h"
#include "libs/monitor/monitor_main.h"
#include "libs/monitor/store_options.h"
#include "services/procmond/sources.h"

int main(int argc, char** argv) {
  return daemoneye::monitor::MonitorMain(
      argc, argv,
      {.name = "procmond",
       .metrics_port = 9464,
       .options = daemoneye::config::ProcessOptions().Append(daemoneye::monitor::DatabaseOptions()),
       .check = daemoneye::procmond::CheckSources,
       .make = daemoneye::procmond::MakeSources,
       .capabilities = daemoneye::procmond::CapabilitiesOf});
}
