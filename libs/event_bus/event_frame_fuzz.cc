// Any bytes split into frames or are refused; an event that says it can be patched, and parses,
// then has the patched sequence.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "daemoneye/v1/event.pb.h"
#include "libs/event_bus/event_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> events;
  daemoneye::event_bus::SplitFrames(bytes, {0}, events);
  if (!daemoneye::event_bus::IsSequencePatchable(bytes)) return 0;
  daemoneye::v1::CollectionEvent before;
  const bool parsed = before.ParseFromString(bytes);
  daemoneye::event_bus::PatchSequence(bytes.data(), 42);
  daemoneye::v1::CollectionEvent after;
  if (after.ParseFromString(bytes) != parsed) std::abort();
  if (parsed && after.sequence() != 42) std::abort();
  return 0;
}
