// analyzer_conformance ADDRESS: holds an analyzer against the API, a line a check.
//
//   analyzer_conformance unix:///run/daemoneye/my-analyzer.sock
//   analyzer_conformance --pid=1234 --path=/usr/bin/env 127.0.0.1:50061
//
// --pid and --path are what it is asked about in place of this process and /bin/true: give them
// where the analyzer sees other processes and files than this tool. --patience is for all the waits
// that it asks for (RetryInfo) together. Exit code 0: it keeps to all; 1: it does not, or cannot be
// reached; 2: wrong usage.

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/event/process_key.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/process_reader.h"
#include "tools/analyzer_conformance/analyzer_caller.h"
#include "tools/analyzer_conformance/checks.h"

namespace daemoneye::conformance {
namespace {

struct Options {
  std::string address;
  pid_t pid = ::getpid();
  std::string path = "/bin/true";
  absl::Duration patience = absl::Minutes(3);
};

std::optional<Options> Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg.starts_with("--pid=")) {
      const std::string_view text = arg.substr(6);
      const auto [end, error] = std::from_chars(text.begin(), text.end(), options.pid);
      if (error != std::errc() || end != text.end() || options.pid <= 0) return std::nullopt;
    } else if (arg.starts_with("--patience=")) {
      const bool is_good = absl::ParseDuration(std::string(arg.substr(11)), &options.patience);
      if (!is_good || options.patience < absl::ZeroDuration()) return std::nullopt;
    } else if (arg.starts_with("--path=/")) {
      options.path = arg.substr(7);
    } else if (!arg.starts_with('-') && !arg.empty() && options.address.empty()) {
      options.address = arg;
    } else {
      return std::nullopt;
    }
  }
  return options.address.empty() ? std::nullopt : std::optional(options);
}

// The process with its key and its image, as a gateway sends it; with its key; the key alone; the
// pid alone; the file; and a process that has ended.
absl::Status SetTargets(const Options& options, Subject& subject) {
  ASSIGN_OR_RETURN(const procfs::ProcFs fs, procfs::ProcFs::Open("/proc"));
  procfs::ProcessReader reader(fs);
  RETURN_IF_ERROR(reader.Select(options.pid));
  ASSIGN_OR_RETURN(const procfs::ProcStat stat, reader.ReadStat());
  ASSIGN_OR_RETURN(const event::ProcessKeySpace space,
                   event::MakeProcessKeySpace(fs.boot_id(), fs.pid_namespace_inode()));
  event::ProcessKey key = {
      .space = space, .pid = static_cast<uint32_t>(options.pid), .start_ticks = stat.start_ticks};
  v1::AnalysisTarget host;
  host.set_host(subject.negotiated.host());
  v1::AnalysisTarget process = host;
  process.set_pid(key.pid);
  process.set_process_key(event::FormatProcessKey(key));
  v1::AnalysisTarget by_key = process, by_pid = process, file = host, whole = process;
  const auto exe = reader.ReadExeLink();
  if (exe.ok() && exe->path.starts_with('/')) whole.set_path(std::string(exe->path));
  by_key.clear_pid();
  by_pid.clear_process_key();
  file.set_path(options.path);
  subject.targets = {whole, process, by_key, by_pid, file};
  ++key.start_ticks;
  subject.ended_process = process;
  subject.ended_process.set_process_key(event::FormatProcessKey(key));
  return absl::OkStatus();
}

struct Tally {
  int passed = 0, failed = 0, skipped = 0;
};

void RunAll(const Subject& subject, std::span<const Check> checks, Tally& tally) {
  for (const Check& check : checks) {
    const absl::Status status = check.run(subject);
    const std::string why =
        base::EscapeForTerminal({status.message().data(), status.message().size()});
    if (status.ok()) {
      ++tally.passed;
      fmt::print("ok    {}\n", check.name);
    } else if (IsSkip(status)) {
      ++tally.skipped;
      fmt::print("skip  {}: {}\n", check.name, why);
    } else {
      ++tally.failed;
      fmt::print("FAIL  {}: {}\n", check.name, why);
    }
    std::fflush(stdout);
  }
}

int Main(int argc, char** argv) {
  const std::optional<Options> options = Parse(argc, argv);
  if (!options.has_value()) {
    fmt::print(stderr,
               "usage: analyzer_conformance [--pid=N] [--path=/FILE] [--patience=3m] ADDRESS\n");
    return 2;
  }
  AnalyzerCaller caller(options->address, options->patience, base::Clock::Real());
  Subject subject = {.address = options->address, .caller = caller};
  absl::Status status = caller.Connect(absl::Seconds(10));
  if (status.ok()) {
    auto negotiated = caller.Negotiate();
    status = negotiated.status();
    if (status.ok()) subject.negotiated = *std::move(negotiated);
  }
  if (status.ok()) status = SetTargets(*options, subject);
  if (!status.ok()) {
    fmt::print("FAIL  it-can-be-asked: {}\n", base::EscapeForTerminal(status.ToString()));
    return 1;
  }
  Tally tally;
  for (const auto& checks : {FormChecks(), RefusalChecks(), LoadChecks(), HostileChecks()}) {
    RunAll(subject, checks, tally);
  }
  fmt::print("{}: {} passed, {} failed, {} skipped\n",
             base::EscapeForTerminal(subject.negotiated.name()), tally.passed, tally.failed,
             tally.skipped);
  return tally.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace daemoneye::conformance

int main(int argc, char** argv) {
  // Held to the end: after many cancelled calls gRPC 1.51 takes 10 s to clean up.
  grpc_init();
  return daemoneye::conformance::Main(argc, argv);
}
