// The framing of events in a StreamEventBatchesResponse: field 1, so that a message is the
// concatenation of its framed events and its stream id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace daemoneye::monitor {

// Bytes that frame `event_bytes` bytes.
inline size_t FrameHeaderSize(size_t event_bytes) {
  size_t size = 2;
  for (; event_bytes >= 0x80; event_bytes >>= 7) ++size;
  return size;
}

inline void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Appends `event` as field 1, length-delimited.
inline void AppendFramed(std::string_view event, std::string& out) {
  out.push_back('\x0A');
  AppendVarint(event.size(), out);
  out.append(event);
}

// StreamEventBatchesResponse.stream_id, field 2.
inline std::string StreamIdSuffix(std::string_view stream_id) {
  std::string suffix = "\x12";
  AppendVarint(stream_id.size(), suffix);
  suffix.append(stream_id);
  return suffix;
}

}  // namespace daemoneye::monitor
