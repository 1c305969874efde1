#include "tools/bench/tracers.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "fmt/format.h"

namespace daemoneye::bench {
namespace {

namespace fs = std::filesystem;

// None of them says when it is ready, or has written all.
constexpr absl::Duration kSettle = absl::Seconds(2);
constexpr char kAuditRule[] = "always,exit -F arch=b64 -S execve -k daemoneye-bench";

// The different numbers behind `before` in the file, as in "MARK17".
size_t CountMarks(const std::string& path, std::string_view before) {
  std::set<std::string> marks;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(before);
    if (at == std::string::npos) continue;
    const size_t begin = at + before.size();
    const size_t end = line.find_first_not_of("0123456789", begin);
    if (end != begin && begin < line.size()) marks.insert(line.substr(begin, end - begin));
  }
  return marks.size();
}

std::string FindProgram(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
    if (access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return "";
}

absl::Status NotInstalled(std::string_view program, std::string_view package) {
  return absl::UnavailableError(
      fmt::format("{} is not installed (apt-get install {})", program, package));
}

// One that writes a line an exec to its standard output.
class PrintingTracer final : public Tracer {
 public:
  PrintingTracer(std::vector<std::string> argv, std::string output)
      : output_(std::move(output)), process_(std::move(argv), output_) {
    absl::SleepFor(kSettle);
  }
  absl::Duration CpuTime() const override { return process_.CpuTime(); }
  size_t Finish() override {
    process_.End(SIGINT);  // upon which they write what they hold back
    return CountMarks(output_, "/bin/true MARK");
  }

 private:
  std::string output_;
  ChildProcess process_;
};

absl::StatusOr<std::unique_ptr<Tracer>> StartExecsnoop(const TempDirectory& directory) {
  const std::string program = FindProgram("execsnoop");
  if (program.empty()) return NotInstalled("execsnoop", "libbpf-tools");
  // It needs tracefs, which a container may lack.
  return std::make_unique<PrintingTracer>(
      std::vector<std::string>{"/usr/bin/unshare", "--mount", "/bin/sh", "-c",
                               "[ -d /sys/kernel/tracing/events ] || "
                               "mount -t tracefs tracefs /sys/kernel/tracing; exec " +
                                   program},
      directory.File("execsnoop.out"));
}

absl::StatusOr<std::unique_ptr<Tracer>> StartForkstat(const TempDirectory& directory) {
  const std::string program = FindProgram("forkstat");
  if (program.empty()) return NotInstalled("forkstat", "forkstat");
  return std::make_unique<PrintingTracer>(std::vector<std::string>{program, "-e", "exec"},
                                          directory.File("forkstat.out"));
}

// What a command writes.
std::string OutputOf(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  size_t got = 0;
  while (pipe != nullptr && (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    text.append(buffer.data(), got);
  }
  if (pipe != nullptr) pclose(pipe);
  return text;
}

pid_t FindKernelThread(std::string_view name) {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    std::string comm;
    std::getline(std::ifstream(entry.path() / "comm"), comm);
    if (comm == name) return static_cast<pid_t>(std::stol(entry.path().filename()));
  }
  return -1;
}

// Rule and daemon are its own, and gone with it. The kernel's thread works for the daemon.
class Auditd final : public Tracer {
 public:
  Auditd(const std::string& program, const TempDirectory& directory)
      : log_(directory.File("audit.log")),
        kernel_thread_(FindKernelThread("kauditd")),
        process_({program, "-n", "-s", "enable", "-c", directory.File("audit")},
                 directory.File("auditd.out")) {
    absl::SleepFor(kSettle);
    OutputOf("auditctl -b 8192");  // as Debian's rules have it
    OutputOf(fmt::format("auditctl -a {}", kAuditRule));
  }
  ~Auditd() override { Remove(); }

  absl::Duration CpuTime() const override { return process_.CpuTime() + CpuTimeOf(kernel_thread_); }
  size_t Finish() override {
    Remove();
    return CountMarks(log_, "a1=\"MARK");
  }

 private:
  void Remove() {
    if (std::exchange(is_removed_, true)) return;
    OutputOf(fmt::format("auditctl -d {}", kAuditRule));
    absl::SleepFor(kSettle);
    process_.End(SIGTERM);
    OutputOf("auditctl -b 64; auditctl -e 0");
  }

  std::string log_;
  pid_t kernel_thread_;
  ChildProcess process_;
  bool is_removed_ = false;
};

absl::StatusOr<std::unique_ptr<Tracer>> StartAuditd(const TempDirectory& directory) {
  const std::string program = FindProgram("auditd");
  if (program.empty() || FindProgram("auditctl").empty()) return NotInstalled("auditd", "auditd");
  const std::string status = OutputOf("auditctl -s");
  if (status.find("enabled 0") == std::string::npos ||
      OutputOf("auditctl -l").find("No rules") == std::string::npos) {
    return absl::UnavailableError("the kernel's audit is in use or not to be had: " +
                                  status.substr(0, status.find('\n')));
  }
  if (FindKernelThread("kauditd") < 0) return absl::UnavailableError("no kauditd is to be seen");
  fs::create_directories(directory.File("audit"));
  std::ofstream config(directory.File("audit/auditd.conf"));
  // Debian's, but for where and how much it may write.
  config << "local_events = yes\nwrite_logs = yes\nlog_file = " << directory.File("audit.log")
         << "\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\nfreq = 50\nmax_log_file = 1000\n"
            "num_logs = 2\npriority_boost = 4\nmax_log_file_action = IGNORE\nspace_left = 75\n"
            "space_left_action = IGNORE\nadmin_space_left = 50\nadmin_space_left_action = IGNORE\n"
            "disk_full_action = IGNORE\ndisk_error_action = IGNORE\nq_depth = 2000\n"
            "overflow_action = SYSLOG\n";
  config.close();
  return std::make_unique<Auditd>(program, directory);
}

}  // namespace

std::vector<TracerKind> PeerTracers() {
  return {{.name = "execsnoop", .start = StartExecsnoop},
          {.name = "forkstat", .start = StartForkstat},
          {.name = "auditd", .start = StartAuditd}};
}

}  // namespace daemoneye::bench
