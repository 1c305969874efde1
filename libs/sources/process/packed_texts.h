// PackedTexts: all texts of a process in one piece of memory.
//
// Cost: 64 bytes and the texts; setting a text to what it is already costs one comparison.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace daemoneye::process {

enum class Text : uint8_t {
  kName,
  kExecutable,
  kDirectory,
  kCgroup,
  kContainer,
  kPod,
  kCommandLine,  // raw: each argument ended by a NUL
};
inline constexpr size_t kTextCount = 7;

class PackedTexts {
 public:
  std::string_view Get(Text text) const {
    const size_t begin = Begin(text);
    return std::string_view(bytes_).substr(begin, ends_[static_cast<size_t>(text)] - begin);
  }

  // False when it was that already.
  bool Set(Text text, std::string_view value);

  size_t byte_size() const { return sizeof(*this) + bytes_.capacity(); }

 private:
  size_t Begin(Text text) const {
    const auto index = static_cast<size_t>(text);
    return index == 0 ? 0 : ends_[index - 1];
  }

  std::string bytes_;
  std::array<uint32_t, kTextCount> ends_ = {};
};

}  // namespace daemoneye::process
