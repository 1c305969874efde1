#include "libs/event_bus/event_ring.h"

#include <algorithm>

namespace daemoneye::event_bus {

void EventRing::Append(BatchPtr batch, Remains& remains) {
  next_sequence_ = batch->last_sequence() + 1;
  bytes_ += batch->byte_size();
  young_bytes_ += batch->frame_bytes();
  for (size_t i = 0; i < batch->size(); ++i) ++appended_[ClassOf(batch->traits(i))];
  batches_.push_back(std::move(batch));
  while (batches_.size() > 1 && (bytes_ > options_.max_bytes ||
                                 (options_.max_events > 0 && events() > options_.max_events))) {
    EvictOldest(remains);
  }
  ReleaseParsed(remains);
}

void EventRing::ReleaseParsed(Remains& remains) {
  // What nobody reads is better used for the next events while it is in the cache.
  const uint64_t times_asked = forms_->times_asked.load(std::memory_order_relaxed);
  if (times_asked != times_asked_) asked_until_batch_id_ = end_batch_id() + kUnaskedBatches;
  times_asked_ = times_asked;
  const size_t kept_bytes = end_batch_id() < asked_until_batch_id_ ? options_.young_bytes : 0;
  while (young_bytes_ > kept_bytes && young_batch_id_ < end_batch_id()) {
    const BatchPtr& old = this->batch(young_batch_id_);
    young_bytes_ -= old->frame_bytes();
    remains.parsed.push_back(old->ReleaseParsed());
    ++young_batch_id_;
  }
}

void EventRing::EvictOldest(Remains& remains) {
  BatchPtr batch = std::move(batches_.front());
  batches_.pop_front();
  if (young_batch_id_ == first_batch_id_) {
    young_bytes_ -= batch->frame_bytes();
    ++young_batch_id_;
  }
  ++first_batch_id_;
  bytes_ -= batch->byte_size();
  for (size_t i = 0; i < batch->size(); ++i) ++evicted_[ClassOf(batch->traits(i))];
  remains.batches.push_back(std::move(batch));
}

uint64_t EventRing::oldest_sequence() const {
  return batches_.empty() ? next_sequence_ : batches_.front()->first_sequence();
}

uint64_t EventRing::FindBatch(uint64_t sequence) const {
  const auto behind = std::upper_bound(
      batches_.begin(), batches_.end(), sequence,
      [](uint64_t s, const BatchPtr& batch) { return s < batch->first_sequence(); });
  if (behind == batches_.begin()) return first_batch_id_;
  const uint64_t id = first_batch_id_ + (behind - batches_.begin()) - 1;
  return sequence > batch(id)->last_sequence() ? id + 1 : id;
}

ClassCounts EventRing::CountBefore(uint64_t sequence) const {
  const bool is_near_end = next_sequence_ - sequence < sequence - oldest_sequence();
  ClassCounts counts = is_near_end ? appended_ : evicted_;
  uint64_t id = is_near_end ? FindBatch(sequence) : first_batch_id_;
  for (; id < end_batch_id(); ++id) {
    const EventBatch& batch = *this->batch(id);
    if (!is_near_end && batch.first_sequence() >= sequence) break;
    for (size_t i = 0; i < batch.size(); ++i) {
      const bool is_before = batch.first_sequence() + i < sequence;
      if (is_before == is_near_end) continue;
      counts[ClassOf(batch.traits(i))] += is_near_end ? -1 : 1;
    }
  }
  return counts;
}

}  // namespace daemoneye::event_bus
