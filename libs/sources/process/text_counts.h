// TextCounts: what was done to the texts of processes, by all who make events of them.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>

namespace daemoneye::process {

struct TextCounts {
  // Secrets taken out of command lines.
  std::atomic<uint64_t> redactions = 0;
  std::atomic<uint64_t> truncated_command_lines = 0;
  std::atomic<uint64_t> truncated_texts = 0;
};

}  // namespace daemoneye::process
