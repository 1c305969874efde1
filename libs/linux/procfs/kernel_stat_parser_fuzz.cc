// Any bytes: parsed or DataLoss.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/linux/procfs/kernel_stat_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye::procfs;  // NOLINT: the one user of the room here
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto stat = ParseKernelStat(text);
  if (!stat.ok() && stat.status().code() != absl::StatusCode::kDataLoss) std::abort();
  return 0;
}
