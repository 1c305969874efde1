// StreamMessage: puts one message of a stream together from events, within the message's bounds.
//
// One by one, a message is one event; batched, it is framed events and the stream's id. Bytes of
// published batches are handed on as they are, with their batch as the owner.
//
// Threads:  none; one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "libs/event_bus/event_batch.h"
#include "libs/rpc/stream_port.h"

namespace daemoneye::monitor {

struct MessageLimits {
  // False: one by one, and the bounds below do not matter.
  bool is_batched = false;
  size_t max_events = 1;
  size_t max_bytes = 0;
};

class StreamMessage {
 public:
  // `suffix` is StreamIdSuffix of the stream, empty one by one.
  StreamMessage(const MessageLimits& limits, std::shared_ptr<const std::string> suffix)
      : limits_(limits), suffix_(std::move(suffix)) {}

  // Room for one more event of that size. The first always fits.
  bool Fits(size_t event_bytes) const;
  // How many of the span's events fit, from its first.
  uint32_t Room(const event_bus::BatchSpan& span) const;

  // Appends one serialised event, which fits.
  void AddEvent(std::string_view event);
  // Appends events [first, first + count) of a batch; one by one, count is 1.
  void AddSpan(const event_bus::BatchSpan& span);

  rpc::Payload Finish() &&;

 private:
  size_t remaining_events() const;
  size_t remaining_bytes() const;
  // Turns what AddEvent copied into a piece.
  void CloseCopied();

  const MessageLimits limits_;
  const std::shared_ptr<const std::string> suffix_;
  rpc::Payload payload_;
  std::string copied_;
  size_t events_ = 0;
  size_t bytes_ = 0;
};

}  // namespace daemoneye::monitor
