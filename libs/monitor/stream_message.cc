#include "libs/monitor/stream_message.h"

#include <algorithm>
#include <utility>

#include "libs/monitor/frame.h"

namespace daemoneye::monitor {

bool StreamMessage::Fits(size_t event_bytes) const {
  if (events_ == 0) return true;
  if (!limits_.is_batched || events_ >= limits_.max_events) return false;
  return FrameHeaderSize(event_bytes) + event_bytes <= remaining_bytes();
}

uint32_t StreamMessage::Room(const event_bus::BatchSpan& span) const {
  if (!limits_.is_batched) return events_ == 0 ? 1 : 0;
  const uint32_t wanted = std::min<uint64_t>(span.count, remaining_events());
  if (span.batch->frames(span.first, wanted).size() <= remaining_bytes()) return wanted;
  uint32_t count = 0;
  while (count < wanted && span.batch->frames(span.first, count + 1).size() <= remaining_bytes()) {
    ++count;
  }
  return count == 0 && events_ == 0 ? 1 : count;
}

size_t StreamMessage::remaining_events() const {
  const size_t max_events = limits_.is_batched ? limits_.max_events : 1;
  return events_ >= max_events ? 0 : max_events - events_;
}

size_t StreamMessage::remaining_bytes() const {
  const size_t used = bytes_ + suffix_->size();
  return used >= limits_.max_bytes ? 0 : limits_.max_bytes - used;
}

void StreamMessage::AddEvent(std::string_view event) {
  const size_t before = copied_.size();
  if (limits_.is_batched) {
    AppendFramed(event, copied_);
  } else {
    copied_.append(event);
  }
  bytes_ += copied_.size() - before;
  ++events_;
}

void StreamMessage::AddSpan(const event_bus::BatchSpan& span) {
  CloseCopied();
  const std::string_view bytes =
      limits_.is_batched ? span.frames() : span.batch->event_bytes(span.first);
  payload_.pieces.push_back({span.batch, bytes});
  bytes_ += bytes.size();
  events_ += span.count;
}

rpc::Payload StreamMessage::Finish() && {
  CloseCopied();
  if (limits_.is_batched) payload_.pieces.push_back({suffix_, *suffix_});
  return std::move(payload_);
}

void StreamMessage::CloseCopied() {
  if (copied_.empty()) return;
  auto owner = std::make_shared<const std::string>(std::move(copied_));
  copied_.clear();
  payload_.pieces.push_back({owner, *owner});
}

}  // namespace daemoneye::monitor
