// FrameWalker: finds the events in the bytes of a StreamEventBatchesResponse without parsing them.
//
// An event that does not parse would make the whole message unreadable; walked frame by frame, only
// that event is lost. Format: protobuf encoding (https://protobuf.dev/programming-guides/encoding);
// field 1 is `events`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::gateway {

class FrameWalker {
 public:
  // `message` outlives the walker and all it returns.
  explicit FrameWalker(std::string_view message) : rest_(message) {}

  // The next event's bytes; nullopt at the end. Other fields are passed over. DataLoss: the message
  // itself is not protobuf, so nothing behind this point can be trusted.
  absl::StatusOr<std::optional<std::string_view>> Next();

 private:
  std::string_view rest_;
};

// The sequence at the front of an event's bytes (field 1, fixed64), as every publisher of this
// suite writes it; nullopt where another field comes first.
std::optional<uint64_t> FrontSequence(std::string_view event);

}  // namespace daemoneye::gateway
