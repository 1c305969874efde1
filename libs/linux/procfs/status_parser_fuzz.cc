// Any bytes: parsed or DataLoss, and no depth without a pid.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/linux/procfs/status_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye::procfs;  // NOLINT: the one user of the room here
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto status = ParseStatus(text);
  if (!status.ok()) {
    if (status.status().code() != absl::StatusCode::kDataLoss) std::abort();
    return 0;
  }
  if (status->pid_namespace_depth > 0 && !status->innermost_pid) std::abort();
  return 0;
}
