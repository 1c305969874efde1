// Event frames: reading and patching serialised events without parsing them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace daemoneye::event_bus {

// Bytes of the frame's head (tag 0x0A and a varint) of an event of `event_bytes` bytes.
size_t FrameHeadBytes(size_t event_bytes);

// Writes the head at `out` and returns what follows it.
char* WriteFrameHead(size_t event_bytes, char* out);

// Splits frames into the bytes of their events; nullopt-like empty result and false when they are
// not well-formed or `offsets` are not where they begin.
bool SplitFrames(std::string_view frames, const std::vector<uint32_t>& offsets,
                 std::vector<std::string_view>& events);

// True when the serialised event begins with its fixed64 sequence and has no other field 1 behind
// it that a reader would take instead: then PatchSequence changes what every reader sees.
bool IsSequencePatchable(std::string_view event);

// Overwrites the sequence of a patchable event.
void PatchSequence(char* event, uint64_t sequence);

}  // namespace daemoneye::event_bus
