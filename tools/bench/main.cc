// bench: prints what the suite costs, each figure beside a floor or a peer measured in the same
// run.
//
//   tools/bench/run [--quick]
//   [--rows=scan,exec,hash,bus,store,triggers,stream,hops,alert,workflow,soak,server]
//   [--watch_seconds=60]

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "tools/bench/feed_server.h"
#include "tools/bench/ring_server.h"
#include "tools/bench/rows.h"
#include "tools/bench/typed_server.h"

namespace {

constexpr size_t kTypedBatch = 256;
constexpr char kAllRows[] =
    "scan,exec,hash,bus,store,triggers,stream,hops,alert,workflow,soak,server";

int Usage(std::string_view wrong) {
  fmt::print(stderr, "bench: {} is not known; use --quick, --rows={}, --watch_seconds=N\n", wrong,
             kAllRows);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace daemoneye::bench;
  // A server of a measurement ends with it, however it ends.
  if (argc == 4 && std::string_view(argv[1]).starts_with("--role=")) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  if (argc == 4 && std::string_view(argv[1]) == "--role=ring") {
    ServeRing(argv[2], std::strtoul(argv[3], nullptr, 10));
  }
  if (argc == 4 && std::string_view(argv[1]) == "--role=typed") {
    const TypedServer server(argv[2], std::strtoul(argv[3], nullptr, 10), kTypedBatch);
    while (true) pause();
  }
  if (argc == 4 && std::string_view(argv[1]) == "--role=feed") {
    ServeFeed(argv[2], ParseFeed(argv[3]));
  }
  Setting setting;
  setting.self = std::filesystem::read_symlink("/proc/self/exe");
  // <bin>/tools/bench/bench
  setting.bin = std::filesystem::path(setting.self).parent_path().parent_path().parent_path();
  std::string rows = kAllRows;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") {
      setting.rounds = 1;
      setting.watch_seconds = 10;
    } else if (argument.starts_with("--rows=")) {
      rows = argument.substr(7);
    } else if (argument.starts_with("--watch_seconds=")) {
      setting.watch_seconds = std::atoi(argv[i] + 16);
    } else {
      return Usage(argument);
    }
  }
  Table table;
  const auto wants = [&](std::string_view name) {
    return ("," + rows + ",").find(fmt::format(",{},", name)) != std::string::npos;
  };
  if (wants("scan")) AddScanRows(setting, table);
  if (wants("exec")) AddExecRows(setting, table);
  if (wants("hash")) AddHashRows(setting, table);
  if (wants("bus")) AddBusRows(setting, table);
  if (wants("store")) AddStoreRows(setting, table);
  if (wants("triggers")) AddTriggerRows(setting, table);
  if (wants("stream")) AddStreamRows(setting, table);
  if (wants("hops")) AddHopRows(setting, table);
  if (wants("alert")) AddAlertRows(setting, table);
  if (wants("workflow")) AddWorkflowRows(setting, table);
  if (wants("soak")) AddSoakRows(setting, table);
  if (wants("server")) AddServerRows(setting, table);
  int missed = 0;
  bool is_wrong = false;
  for (const Row& row : table.rows()) {
    if (row.passes().value_or(true)) continue;
    ++missed;
    is_wrong = is_wrong || row.must_hold;
  }
  fmt::print("\n{} figures, {} missed their target\n", table.rows().size(), missed);
  return is_wrong ? 1 : 0;
}
