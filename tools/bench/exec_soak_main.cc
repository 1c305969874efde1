// exec_soak: holds procmond to flat memory and CPU for half an hour of execs. See tools/soak.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "tools/bench/exec_soak.h"

int main(int argc, char** argv) {
  daemoneye::bench::ExecSoakOptions options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const double value = i + 1 < argc ? std::atof(argv[i + 1]) : 0;
    if ((name != "--minutes" && name != "--rate") || value <= 0) {
      fmt::print(stderr, "usage: soak [--minutes 30] [--rate 500]\n");
      return 2;
    }
    if (name == "--minutes") options.length = absl::Minutes(value);
    if (name == "--rate") options.execs_per_second = static_cast<int>(value);
  }
  // <bin>/tools/bench/exec_soak
  options.bin =
      std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path();
  const absl::Status status = daemoneye::bench::RunExecSoak(options);
  fmt::print("{}\n", status.ok() ? "soak: passed" : "soak: FAILED: " + status.ToString());
  return status.ok() ? 0 : 1;
}
