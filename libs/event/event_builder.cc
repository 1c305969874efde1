#include "libs/event/event_builder.h"

#include <algorithm>
#include <cstring>

#include "libs/base/text.h"

namespace daemoneye::event {
namespace {

// 0001-01-01 and 9999-12-31, the range of google.protobuf.Timestamp.
constexpr int64_t kMinTimestampSeconds = -62'135'596'800;
constexpr int64_t kMaxTimestampSeconds = 253'402'300'799;
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;

bool IsAscii(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & kHighBits) != 0) return false;
  }
  for (; i < text.size(); ++i) {
    if (static_cast<uint8_t>(text[i]) >= 0x80) return false;
  }
  return true;
}

// `bytes` cut to `max_bytes`, less the at most three bytes of a sequence that the cut would split.
std::string_view Prefix(std::string_view bytes, size_t max_bytes) {
  if (bytes.size() <= max_bytes) return bytes;
  const std::string_view whole = base::Utf8Prefix(bytes, max_bytes);
  return max_bytes - whole.size() <= 3 ? whole : bytes.substr(0, max_bytes);
}

// Length of the unit (an escape or a character) at the start of escaped text; the bytes of the
// original it stands for in *original.
size_t UnitLength(std::string_view escaped, size_t* original) {
  *original = 1;
  if (escaped[0] == '\\') return escaped.size() > 1 && escaped[1] == 'x' ? 4 : 2;
  size_t length = 1;
  while (length < escaped.size() && (static_cast<uint8_t>(escaped[length]) & 0xC0) == 0x80) {
    ++length;
  }
  *original = length;
  return length;
}

// Escapes what of `bytes` fits into `max_bytes`; returns how many of `bytes` it took.
size_t AssignEscaped(std::string_view bytes, size_t max_bytes, std::string* field) {
  const std::string_view taken = Prefix(bytes, max_bytes);
  *field = base::EscapeBytes(taken);
  if (field->size() <= max_bytes) return taken.size();
  size_t end = 0, consumed = 0;
  while (end < field->size()) {
    size_t original;
    const size_t length = UnitLength(std::string_view(*field).substr(end), &original);
    if (end + length > max_bytes) break;
    end += length;
    consumed += original;
  }
  field->resize(end);
  return consumed;
}

// As SetText, with the number of bytes cut as its result and `truncated_bytes` left to the caller.
size_t AssignBounded(Event& event, std::string_view bytes, size_t max_bytes, std::string* field) {
  const std::string_view taken = Prefix(bytes, max_bytes);
  if (IsAscii(taken) || base::IsUtf8(taken)) {
    field->assign(taken);
    return bytes.size() - taken.size();
  }
  event.set_escaped(true);
  return bytes.size() - AssignEscaped(bytes, max_bytes, field);
}

}  // namespace

bool SetText(Event& event, std::string_view bytes, std::string* field, size_t max_bytes) {
  const size_t cut = AssignBounded(event, bytes, max_bytes, field);
  if (cut != 0) AddTruncatedBytes(event, cut);
  return cut != 0;
}

bool SetCommandLine(Event& event, std::span<const std::string_view> arguments,
                    google::protobuf::RepeatedPtrField<std::string>* field) {
  field->Clear();
  size_t room = kMaxCommandLineBytes, cut = 0;
  bool is_full = false;
  for (const std::string_view argument : arguments) {
    if (!is_full) {
      is_full = static_cast<size_t>(field->size()) == kMaxCommandLineElements ||
                (room == 0 && !argument.empty());
    }
    if (is_full) {
      cut += argument.size() + 1;  // with the NUL that ended it
      continue;
    }
    std::string* element = field->Add();
    const size_t lost = AssignBounded(event, argument, room, element);
    room -= std::min(room, element->size());
    cut += lost;
    if (lost != 0) is_full = true;
  }
  if (cut != 0) AddTruncatedBytes(event, cut);
  return cut != 0;
}

void AddTruncatedBytes(Event& event, uint64_t count) {
  event.set_truncated(true);
  event.set_truncated_bytes(event.truncated_bytes() + count);
}

void SetTime(absl::Time time, google::protobuf::Timestamp* field) {
  const int64_t seconds =
      std::clamp(absl::ToUnixSeconds(time), kMinTimestampSeconds, kMaxTimestampSeconds);
  field->set_seconds(seconds);
  const bool is_clamped = seconds != absl::ToUnixSeconds(time);
  field->set_nanos(is_clamped ? 0
                              : static_cast<int32_t>(absl::ToInt64Nanoseconds(
                                    time - absl::FromUnixSeconds(seconds))));
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* field) {
  const absl::Duration bound = absl::Seconds(kMaxDurationSeconds);
  duration = std::clamp(duration, -bound, bound);
  absl::Duration rest;
  field->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  field->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace daemoneye::event
