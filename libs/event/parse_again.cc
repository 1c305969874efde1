#include "libs/event/parse_again.h"

#include <cstdint>
#include <memory>
#include <optional>

#include "google/protobuf/stubs/stringpiece.h"

namespace daemoneye::event {
namespace {

// Which of fields 1 to 31 are there, as bits.
using FieldSet = uint32_t;

constexpr uint64_t kLengthDelimited = 2;

std::optional<uint64_t> TakeVarint(const char*& at, const char* end) {
  uint64_t value = 0;
  for (int shift = 0; at != end && shift < 64; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// Moves behind a value. False for groups, which no message of ours has, and for what is cut short.
bool SkipValue(uint64_t wire_type, const char*& at, const char* end) {
  uint64_t bytes = 0;
  switch (wire_type) {
    case 0:
      return TakeVarint(at, end).has_value();
    case 1:
      bytes = 8;
      break;
    case kLengthDelimited: {
      const std::optional<uint64_t> length = TakeVarint(at, end);
      if (!length) return false;
      bytes = *length;
      break;
    }
    case 5:
      bytes = 4;
      break;
    default:
      return false;
  }
  if (bytes > static_cast<uint64_t>(end - at)) return false;
  at += bytes;
  return true;
}

// The submessages (and texts) of a serialised message, as far as its bytes are not broken; where
// they are, the parse will say so.
FieldSet SubmessagesOf(std::string_view bytes) {
  FieldSet fields = 0;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end) {
    const std::optional<uint64_t> tag = TakeVarint(at, end);
    if (!tag || !SkipValue(*tag & 7, at, end)) return fields;
    const uint64_t field = *tag >> 3;
    if ((*tag & 7) == kLengthDelimited && field < 32) fields |= FieldSet{1} << field;
  }
  return fields;
}

// Takes a submessage out of its event, emptied, where the bytes have one to fill it with.
template <typename Sub>
std::unique_ptr<Sub> Take(bool is_wanted, bool is_there, Sub* (Event::*release)(), Event& event) {
  if (!is_wanted || !is_there) return nullptr;
  std::unique_ptr<Sub> sub((event.*release)());
  sub->Clear();
  return sub;
}

template <typename Sub>
void PutBack(std::unique_ptr<Sub> sub, void (Event::*set)(Sub*), Event& event) {
  if (sub != nullptr) (event.*set)(sub.release());
}

// The submessages that are about to be filled again. Of the payloads those of which there are many.
struct Kept {
  bool origin = false;
  bool event_time = false;
  bool observed_time = false;
  bool correlation = false;
  bool process = false;
  bool network = false;
};

// Empties `event` but for `kept`, which stay where they are there, empty as well.
void ClearBut(const Kept& kept, Event& event) {
  auto origin = Take(kept.origin, event.has_origin(), &Event::release_origin, event);
  auto event_time =
      Take(kept.event_time, event.has_event_time(), &Event::release_event_time, event);
  auto observed_time =
      Take(kept.observed_time, event.has_observed_time(), &Event::release_observed_time, event);
  auto correlation =
      Take(kept.correlation, event.has_correlation(), &Event::release_correlation, event);
  auto process = Take(kept.process, event.has_process(), &Event::release_process, event);
  auto network = Take(kept.network, event.has_network(), &Event::release_network, event);
  event.Clear();
  PutBack(std::move(origin), &Event::set_allocated_origin, event);
  PutBack(std::move(event_time), &Event::set_allocated_event_time, event);
  PutBack(std::move(observed_time), &Event::set_allocated_observed_time, event);
  PutBack(std::move(correlation), &Event::set_allocated_correlation, event);
  PutBack(std::move(process), &Event::set_allocated_process, event);
  PutBack(std::move(network), &Event::set_allocated_network, event);
}

}  // namespace

bool ParseAgain(std::string_view bytes, Event& event) {
  const FieldSet fields = SubmessagesOf(bytes);
  const auto has = [fields](int field) { return (fields >> field & 1) != 0; };
  ClearBut({.origin = has(Event::kOriginFieldNumber),
            .event_time = has(Event::kEventTimeFieldNumber),
            .observed_time = has(Event::kObservedTimeFieldNumber),
            .correlation = has(Event::kCorrelationFieldNumber),
            .process = has(Event::kProcessFieldNumber),
            .network = has(Event::kNetworkFieldNumber)},
           event);
  // Merged into what is empty: as if parsed.
  return event.ParseFrom<Event::kMerge>(google::protobuf::StringPiece(bytes.data(), bytes.size()));
}

void CopyAgain(const Event& from, Event& event) {
  if (&from == &event) return;
  ClearBut({.origin = from.has_origin(),
            .event_time = from.has_event_time(),
            .observed_time = from.has_observed_time(),
            .correlation = from.has_correlation(),
            .process = from.has_process(),
            .network = from.has_network()},
           event);
  event.MergeFrom(from);
}

}  // namespace daemoneye::event
