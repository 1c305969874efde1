// Puts texts from outside into an event: valid UTF-8 without loss, within the bounds, flagged.
//
// Bytes that are not UTF-8 become \xHH (base::EscapeBytes) and set `escaped`; what is beyond a
// bound is cut, sets `truncated` and adds to `truncated_bytes` the bytes of the original that are
// gone. Bounds hold for the text as it is sent, so escapes count with what they take.
//
// Cost: one look at each byte and one copy where the text is ASCII; no allocation where the field
// has the capacity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "libs/event/event.h"

namespace daemoneye::event {

inline constexpr size_t kMaxTextBytes = 4 << 10;
inline constexpr size_t kMaxCommandLineBytes = 64 << 10;
inline constexpr size_t kMaxCommandLineElements = 4096;
inline constexpr size_t kMaxEventBytes = 128 << 10;

// *field = `bytes`, escaped and cut to `max_bytes`. True when it was cut.
bool SetText(Event& event, std::string_view bytes, std::string* field,
             size_t max_bytes = kMaxTextBytes);

// *field = `arguments`, within kMaxCommandLineElements and kMaxCommandLineBytes together. True when
// something was cut.
bool SetCommandLine(Event& event, std::span<const std::string_view> arguments,
                    google::protobuf::RepeatedPtrField<std::string>* field);

// Counts bytes that were cut before the text came here.
void AddTruncatedBytes(Event& event, uint64_t count);

// Any time or duration; infinite ones become the nearest that protobuf can hold.
void SetTime(absl::Time time, google::protobuf::Timestamp* field);
void SetDuration(absl::Duration duration, google::protobuf::Duration* field);
absl::Time ToTime(const google::protobuf::Timestamp& time);
absl::Duration ToDuration(const google::protobuf::Duration& duration);

}  // namespace daemoneye::event
