#include "services/collector_gateway/frame_walker.h"

#include <cstring>

namespace daemoneye::gateway {
namespace {

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

constexpr uint64_t kEventsField = 1;
constexpr char kSequenceTag = 0x09;  // field 1, fixed64

bool TakeVarint(std::string_view& bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    *value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if ((byte & 0x80) == 0) {
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::optional<std::string_view>> FrameWalker::Next() {
  const auto broken = [](const char* what) {
    return absl::DataLossError(std::string("batch is not protobuf: ") + what);
  };
  while (!rest_.empty()) {
    uint64_t tag, length = 0;
    if (!TakeVarint(rest_, &tag)) return broken("cut in a tag");
    switch (tag & 7) {
      case kVarint: {
        uint64_t ignored;
        if (!TakeVarint(rest_, &ignored)) return broken("cut in a varint");
        continue;
      }
      case kFixed64:
        length = 8;
        break;
      case kFixed32:
        length = 4;
        break;
      case kLengthDelimited:
        if (!TakeVarint(rest_, &length)) return broken("cut in a length");
        break;
      default:
        return broken("unknown wire type");
    }
    if (length > rest_.size()) return broken("a field is longer than the message");
    const std::string_view field = rest_.substr(0, length);
    rest_.remove_prefix(length);
    if (tag >> 3 == kEventsField && (tag & 7) == kLengthDelimited) return field;
  }
  return std::nullopt;
}

std::optional<uint64_t> FrontSequence(std::string_view event) {
  if (event.size() < 9 || event[0] != kSequenceTag) return std::nullopt;
  uint64_t sequence;
  std::memcpy(&sequence, event.data() + 1,
              sizeof(sequence));  // little endian, as protobuf and amd64
  return sequence;
}

}  // namespace daemoneye::gateway
