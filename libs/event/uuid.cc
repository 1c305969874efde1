#include "libs/event/uuid.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

namespace daemoneye::event {

std::string NewUuid() {
  uint64_t words[2];
  // Up to 256 bytes come whole and uninterrupted once the kernel's generator is ready
  // (getrandom(2)).
  if (::getrandom(words, sizeof(words), 0) != sizeof(words)) std::abort();
  const uint64_t high = (words[0] & ~0xF000ull) | 0x4000;                 // version 4
  const uint64_t low = (words[1] & ~(3ull << 62)) | (uint64_t{1} << 63);  // variant 10
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xFFFF,
                     high & 0xFFFF, low >> 48, low & 0xFFFFFFFFFFFF);
}

bool IsUuid(std::string_view text) {
  if (text.size() != kUuidBytes) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    const bool wants_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (wants_dash ? c != '-' : !is_hex) return false;
  }
  return true;
}

}  // namespace daemoneye::event
