#include "libs/sources/process/packed_texts.h"

namespace daemoneye::process {

bool PackedTexts::Set(Text text, std::string_view value) {
  const std::string_view old = Get(text);
  if (old == value) return false;
  const size_t begin = Begin(text), old_size = old.size();
  const size_t size = bytes_.size() - old_size + value.size();
  // Exactly what is needed: most processes never change again.
  if (size > bytes_.capacity()) bytes_.reserve(size);
  bytes_.replace(begin, old_size, value);
  const auto growth = static_cast<uint32_t>(value.size() - old_size);  // wraps when it shrinks
  for (size_t i = static_cast<size_t>(text); i < kTextCount; ++i) ends_[i] += growth;
  return true;
}

}  // namespace daemoneye::process
