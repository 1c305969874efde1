// Any bytes: a message, or DataLoss.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/linux/netlink/proc_event_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = daemoneye::netlink::ParseProcMessage(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!read.ok() && read.status().code() != absl::StatusCode::kDataLoss) std::abort();
  return 0;
}
