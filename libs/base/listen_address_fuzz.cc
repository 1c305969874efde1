// Any text: an address that is accepted prints as one that is accepted again, as itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/base/listen_address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using daemoneye::base::ParseListenAddress;
  const auto address = ParseListenAddress({reinterpret_cast<const char*>(data), size});
  if (!address.ok()) return 0;
  const auto again = ParseListenAddress(address->ToString());
  if (!again.ok() || again->ToString() != address->ToString()) std::abort();
  return 0;
}
