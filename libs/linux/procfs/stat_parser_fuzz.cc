// Any bytes: a name is a part of the text between its parentheses, or it is DataLoss.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/linux/procfs/stat_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye::procfs;  // NOLINT: the one user of the room here
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto stat = ParseStat(text, 4096);
  if (!stat.ok()) {
    if (stat.status().code() != absl::StatusCode::kDataLoss) std::abort();
    return 0;
  }
  if (stat->comm.data() < text.data() + 1 ||
      stat->comm.data() + stat->comm.size() > text.data() + size - 1 ||
      stat->comm.data()[-1] != '(' || stat->comm.data()[stat->comm.size()] != ')') {
    std::abort();
  }
  return 0;
}
