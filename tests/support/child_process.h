// ChildProcess: a program that a test runs, with all that it writes kept.
//
// Threads:    one of its own reads the output; the methods are the test thread's.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::testing_support {

// Far more than anything takes, so that a test that fails ends.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

struct ChildSpec {
  // The program, from where the test runs, and its arguments.
  std::vector<std::string> argv;
  // KEY=value beside the test's own environment.
  std::vector<std::string> environment;
  // Runs as this user and group.
  std::optional<uid_t> user;
};

class ChildProcess {
 public:
  // Output and error go into one text.
  explicit ChildProcess(const ChildSpec& spec);
  // Kills it when it still runs, and shows what it wrote when the test has failed.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // All that it wrote so far.
  std::string output() const;
  // Waits for a line that holds all of `texts`, behind the line that the last call found. The line;
  // nullopt when the time is over or the output has ended.
  std::optional<std::string> AwaitLine(const std::vector<std::string_view>& texts,
                                       absl::Duration timeout = kPatience);
  void Signal(int signal) const;
  // Its exit code, or 128 + the signal that ended it; nullopt when it still runs then.
  std::optional<int> AwaitExit(absl::Duration timeout = kPatience);
  // Kills it and waits for its end.
  void Kill();
  // RssAnon of /proc/PID/status, bytes.
  uint64_t AnonymousBytes() const;

 private:
  void Read(std::stop_token stop);

  const std::string name_;
  pid_t pid_ = -1;
  std::optional<int> code_;
  base::UniqueFd output_fd_;
  size_t searched_ = 0;

  mutable base::Mutex mu_;
  base::CondVar changed_;
  std::string output_ GUARDED_BY(mu_);
  bool is_at_end_ GUARDED_BY(mu_) = false;
  base::Thread reader_;
};

struct Ended {
  int code = -1;  // -1: it did not end in time
  std::string output;
};

// Runs a program to its end.
Ended RunToEnd(const ChildSpec& spec, absl::Duration timeout = kPatience);

}  // namespace daemoneye::testing_support
