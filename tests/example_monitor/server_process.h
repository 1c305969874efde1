// ServerProcess: a server binary under test: started with flags, awaited, signalled, reaped.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace daemoneye::testing {

struct ExitResult {
  int code = -1;    // -1: ended by a signal
  int signal = 0;   // that signal
  std::string out;  // stdout and stderr together
  absl::Duration took;
};

class ServerProcess {
 public:
  // Starts `binary` with those arguments and environment ("NAME=value"), nothing inherited.
  ServerProcess(const std::string& binary, const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment = {});
  // SIGKILL where it still runs.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  // Reads its output until a line holds `text`; false when it ended before.
  bool AwaitOutput(const std::string& text);
  // What it has written so far, as far as it was awaited.
  const std::string& output() const { return read_; }
  // Waits for its end.
  ExitResult Wait();

 private:
  // More output; false at its end.
  bool ReadMore();

  pid_t pid_ = -1;
  int output_ = -1;
  std::string read_;
};

// Runs it to its end.
ExitResult RunToEnd(const std::string& binary, const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {});

}  // namespace daemoneye::testing
