// Any bytes: each parser takes any file, and names terminals of any number.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "libs/linux/procfs/small_parsers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye::procfs;  // NOLINT: the one user of the room here
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ParseAuditId("loginuid", text);
  (void)ParseNamespaceLink("mnt", text);
  const auto boot_id = ParseBootId(text);
  if (boot_id.ok() && boot_id->size() != 36) std::abort();
  uint32_t tty_nr = 0;
  if (size >= sizeof tty_nr) std::memcpy(&tty_nr, data, sizeof tty_nr);
  if (TtyName(tty_nr).empty() != (tty_nr == 0)) std::abort();
  return 0;
}
