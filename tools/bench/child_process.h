// ChildProcess: a program that a benchmark runs, ended by its pid.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace daemoneye::bench {

class ChildProcess {
 public:
  // Runs `argv` with its output in `log` (truncated); aborts the benchmark when it cannot.
  ChildProcess(std::vector<std::string> argv, const std::string& log);
  // Kills it when it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // CPU used so far: all its threads, to the nanosecond, and the children that it has waited for.
  absl::Duration CpuTime() const;
  // RssAnon and VmRSS of /proc/PID/status.
  uint64_t AnonymousBytes() const { return StatusBytes("RssAnon:"); }
  uint64_t ResidentBytes() const { return StatusBytes("VmRSS:"); }
  // Sends `signal`, then waits for the end; the time that took.
  absl::Duration End(int signal);
  // SIGTERM.
  absl::Duration Terminate();

 private:
  uint64_t StatusBytes(std::string_view field) const;

  pid_t pid_ = -1;
};

// CPU used so far by all threads of a process; zero: it has ended.
absl::Duration CpuTimeOf(pid_t pid);

// Waits until something accepts connections on the unix socket `path`; false after `timeout`.
bool AwaitSocket(const std::string& path, absl::Duration timeout);

// A directory of its own under /tmp, removed at the end.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// `count` processes that do nothing, ended with the object.
class Sleepers {
 public:
  explicit Sleepers(size_t count);
  ~Sleepers();

 private:
  std::vector<pid_t> pids_;
};

}  // namespace daemoneye::bench
