#include "libs/event_bus/event_frame.h"

#include <bit>
#include <cstring>
#include <optional>

namespace daemoneye::event_bus {
namespace {

static_assert(std::endian::native == std::endian::little, "fixed64 is written as it is in memory");

constexpr char kFrameTag = 0x0A;     // field 1, length-delimited
constexpr char kSequenceTag = 0x09;  // field 1, fixed64
constexpr size_t kSequenceBytes = 9;

// Takes a varint off the front of `rest`.
std::optional<uint64_t> TakeVarint(std::string_view& rest) {
  uint64_t value = 0;
  for (size_t i = 0; i < rest.size() && i < 10; ++i) {
    value |= static_cast<uint64_t>(rest[i] & 0x7F) << (7 * i);
    if ((rest[i] & 0x80) == 0) {
      rest.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

bool Skip(std::string_view& rest, uint64_t bytes) {
  if (bytes > rest.size()) return false;
  rest.remove_prefix(bytes);
  return true;
}

// Takes a field's value off; false for groups, which no message of ours has, and for what is cut.
bool SkipValue(std::string_view& rest, uint64_t wire_type) {
  switch (wire_type) {
    case 0:
      return TakeVarint(rest).has_value();
    case 1:
      return Skip(rest, 8);
    case 2: {
      const std::optional<uint64_t> length = TakeVarint(rest);
      return length && Skip(rest, *length);
    }
    case 5:
      return Skip(rest, 4);
    default:
      return false;
  }
}

}  // namespace

size_t FrameHeadBytes(size_t event_bytes) {
  size_t bytes = 2;
  for (; event_bytes >= 0x80; event_bytes >>= 7) ++bytes;
  return bytes;
}

char* WriteFrameHead(size_t event_bytes, char* out) {
  *out++ = kFrameTag;
  for (; event_bytes >= 0x80; event_bytes >>= 7) *out++ = static_cast<char>(event_bytes | 0x80);
  *out++ = static_cast<char>(event_bytes);
  return out;
}

bool SplitFrames(std::string_view frames, const std::vector<uint32_t>& offsets,
                 std::vector<std::string_view>& events) {
  events.clear();
  std::string_view rest = frames;
  for (const uint32_t offset : offsets) {
    if (rest.empty() || offset != frames.size() - rest.size() || rest.front() != kFrameTag) {
      return false;
    }
    rest.remove_prefix(1);
    const std::optional<uint64_t> length = TakeVarint(rest);
    if (!length || *length > rest.size()) return false;
    events.push_back(rest.substr(0, *length));
    rest.remove_prefix(*length);
  }
  return rest.empty();
}

bool IsSequencePatchable(std::string_view event) {
  if (event.size() < kSequenceBytes || event.front() != kSequenceTag) return false;
  std::string_view rest = event.substr(kSequenceBytes);
  while (!rest.empty()) {
    const std::optional<uint64_t> tag = TakeVarint(rest);
    if (!tag || *tag >> 3 == 1 || !SkipValue(rest, *tag & 7)) return false;
  }
  return true;
}

void PatchSequence(char* event, uint64_t sequence) {
  std::memcpy(event + 1, &sequence, sizeof(sequence));
}

}  // namespace daemoneye::event_bus
