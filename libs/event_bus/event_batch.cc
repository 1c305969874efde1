#include "libs/event_bus/event_batch.h"

namespace daemoneye::event_bus {
namespace {

// Bytes of a frame's head: the tag 0x0A and the varint of a length.
size_t FrameHeadSize(std::string_view frame) {
  size_t size = 1;
  while (size < frame.size() && (frame[size] & 0x80) != 0) ++size;
  return size + 1;
}

}  // namespace

EventTraits TraitsOf(const event::Event& event) {
  const int action = event::ActionOf(event);
  return {.kind = static_cast<uint8_t>(event::KindOf(event)),
          .action =
              static_cast<uint8_t>(action < 0 || action > kUnknownAction ? kUnknownAction : action),
          .is_sample = event::IsSample(event),
          .is_own = event::IsOwn(event)};
}

EventBatch::EventBatch(uint64_t first_sequence, std::string frames, std::vector<uint32_t> offsets,
                       std::vector<EventTraits> traits,
                       std::shared_ptr<const event::EventList> parsed,
                       std::shared_ptr<ParsedForms> forms)
    : first_sequence_(first_sequence),
      frames_(std::move(frames)),
      offsets_(std::move(offsets)),
      traits_(std::move(traits)),
      forms_(std::move(forms)),
      parsed_(std::move(parsed)) {}

size_t EventBatch::byte_size() const {
  // The batch with its control block, its slot in the ring, and the allocator's heads of the three
  // blocks it owns.
  constexpr size_t kOverhead =
      sizeof(EventBatch) + 2 * sizeof(void*) + sizeof(std::shared_ptr<void>) + 48;
  return kOverhead + frames_.capacity() + offsets_.capacity() * sizeof(uint32_t) +
         traits_.capacity() * sizeof(EventTraits);
}

std::string_view EventBatch::frames(size_t first, size_t count) const {
  const size_t begin = first < size() ? offsets_[first] : frames_.size();
  const size_t end = first + count < size() ? offsets_[first + count] : frames_.size();
  return std::string_view(frames_).substr(begin, end - begin);
}

std::string_view EventBatch::event_bytes(size_t index) const {
  std::string_view frame = frames(index, 1);
  frame.remove_prefix(FrameHeadSize(frame));
  return frame;
}

std::shared_ptr<const event::EventList> EventBatch::parsed() const {
  if (forms_ != nullptr) forms_->times_asked.fetch_add(1, std::memory_order_relaxed);
  {
    base::MutexLock lock(mu_);
    if (parsed_ != nullptr) return parsed_;
  }
  if (forms_ != nullptr) return ParseAll(forms_->pool);
  event::EventPool no_pool;
  return ParseAll(no_pool);
}

std::shared_ptr<const event::EventList> EventBatch::ParseAll(event::EventPool& pool) const {
  event::EventListParser parser(pool);
  for (size_t i = 0; i < size(); ++i) {
    // What was published did parse; an event that does not stays empty and passes no filter.
    if (!parser.Append(event_bytes(i))) parser.Append(event::Event());
  }
  parser.Rest();
  return parser.Finish();
}

std::shared_ptr<const event::EventList> EventBatch::ReleaseParsed() const {
  base::MutexLock lock(mu_);
  return std::move(parsed_);
}

}  // namespace daemoneye::event_bus
