// StderrWriter: writes lines to a descriptor without ever waiting long for its reader.
//
// Threads:    WriteLine from any; lines of at most PIPE_BUF bytes do not mix.
// Ownership:  borrows the descriptor.
// Cost:       a poll(2) and a write(2) a line.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace daemoneye::logging {

class StderrWriter {
 public:
  explicit StderrWriter(int fd) : fd_(fd) {}

  // Writes `line` and a newline. Where the descriptor takes nothing for 100 ms (a full pipe whose
  // reader is stuck) the line is dropped and counted, and so are, at once, those that follow until
  // it takes some again.
  void WriteLine(std::string_view line);

  uint64_t dropped_lines() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  bool AwaitRoom();

  const int fd_;
  std::atomic<bool> is_stuck_{false};
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace daemoneye::logging
