// Any bytes: a baseline whose digests and paths are of their form, or an error that says where.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "services/binary_hasher/baseline.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using daemoneye::hasher::Baseline;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto baseline = Baseline::Parse(text);
  if (!baseline.ok()) {
    if (baseline.status().code() != absl::StatusCode::kInvalidArgument) std::abort();
    return 0;
  }
  // The first line's path, where it is a plain one, is found.
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line.size() <= 66 || line.starts_with('#') || line.starts_with('\\')) return 0;
  const auto* digests = baseline->Find(line.substr(66));
  if (digests == nullptr || digests->empty()) std::abort();
  for (const std::string& digest : *digests) {
    if (!daemoneye::hasher::IsSha256(digest)) std::abort();
  }
  return 0;
}
