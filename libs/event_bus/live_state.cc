#include "libs/event_bus/live_state.h"

#include <algorithm>

namespace daemoneye::event_bus {
namespace {

// Sources of one publisher overtake each other by less than this. A larger step back is the
// clock's, and the sequence decides.
constexpr int64_t kMaxOvertakingNs = 60'000'000'000;

int64_t TimeOf(const event::Event& event) {
  const google::protobuf::Timestamp& time =
      event.has_observed_time() ? event.observed_time() : event.event_time();
  const int64_t seconds = std::clamp<int64_t>(time.seconds(), -9'000'000'000, 9'000'000'000);
  return seconds * 1'000'000'000 + std::clamp(time.nanos(), 0, 999'999'999);
}

}  // namespace

LiveState::Stream* LiveState::FindStream(const std::string& stream_id) {
  if (last_stream_ != nullptr && last_stream_id_ == stream_id) return last_stream_;
  auto found = streams_.find(stream_id);
  if (found == streams_.end()) {
    if (streams_.size() >= kMaxStreams) return nullptr;
    found = streams_.emplace(stream_id, Stream{.id = next_stream_id_++}).first;
  }
  last_stream_id_ = stream_id;
  last_stream_ = &found->second;
  return last_stream_;
}

void LiveState::Apply(const event::Event& event, std::string_view bytes) {
  const std::string_view subject = event::SubjectOf(event);
  if (subject.empty() || event::ActionOf(event) == 0) return;
  Stream* stream = FindStream(event.origin().stream_id());
  if (stream == nullptr) {
    ++evicted_;
    return;
  }
  const uint64_t sequence = event.origin().sequence();
  if (sequence != 0) {
    if (sequence <= stream->last_sequence) return;
    stream->last_sequence = sequence;
  }
  key_.assign(reinterpret_cast<const char*>(&stream->id), sizeof(stream->id));
  key_.push_back(static_cast<char>(event::KindOf(event)));
  key_.append(subject);
  if (event::EndsSubject(event)) {
    End(bytes, TimeOf(event));
  } else {
    Upsert(event, bytes, TimeOf(event));
  }
}

void LiveState::Upsert(const event::Event& event, std::string_view bytes, int64_t time_ns) {
  const bool is_snapshot = event::IsSnapshot(event);
  auto found = index_.find(key_);
  if (found == index_.end()) {
    const auto ended = ended_.find(std::hash<std::string>()(key_));
    if (ended != ended_.end() && time_ns <= ended->second) return;
    entries_.emplace_back();
    entries_.back().key = key_;
    found = index_.emplace(key_, std::prev(entries_.end())).first;
  } else {
    const int64_t lead_ns = found->second->time_ns - time_ns;
    if (lead_ns > 0 && (is_snapshot || lead_ns < kMaxOvertakingNs)) return;
    entries_.splice(entries_.end(), entries_, found->second);
  }
  Entry& entry = *found->second;
  if (is_snapshot) {
    entry.is_first_image = event.process().first_image();
  } else if (event.has_process() && event.process().action() == v1::PROCESS_ACTION_EXEC) {
    entry.is_first_image = false;
  }
  entry.time_ns = time_ns;
  Store(entry, bytes);
  while (bytes_ > max_bytes_ && entries_.size() > 1) {
    Erase(entries_.begin());
    ++evicted_;
  }
}

void LiveState::Store(Entry& entry, std::string_view bytes) {
  if (entry.bytes != nullptr && entry.epoch == epoch_) {
    entry.bytes->assign(bytes);
  } else {
    entry.bytes = std::make_shared<std::string>(bytes);
    entry.epoch = epoch_;
  }
  // The entry and its list node, its place in the index (a slot is at most half empty), its texts.
  constexpr size_t kOverhead = sizeof(Entry) + 2 * sizeof(void*) + 16 +
                               2 * (sizeof(std::string) + sizeof(Entries::iterator) + 1) +
                               sizeof(std::string) + 32;
  const size_t charge = kOverhead + 2 * entry.key.capacity() + entry.bytes->capacity();
  bytes_ += charge - entry.charged_bytes;
  entry.charged_bytes = charge;
}

void LiveState::KeepEnding(std::shared_ptr<const std::string> last_word, std::string_view end,
                           int64_t time_ns) {
  Ending& ending = endings_.emplace_back();
  ending.charged_bytes =
      sizeof(Ending) + end.size() + (last_word == nullptr ? 0 : last_word->capacity());
  ending.subject = {std::move(last_word), std::make_shared<const std::string>(end)};
  ending.time_ns = time_ns;
  endings_bytes_ += ending.charged_bytes;
  while (!endings_.empty() &&
         (endings_bytes_ > max_ended_bytes_ || endings_.front().time_ns < time_ns - kKeepEndedNs)) {
    endings_bytes_ -= endings_.front().charged_bytes;
    endings_.pop_front();
  }
}

std::vector<EndedSubject> LiveState::Ended() const {
  std::vector<EndedSubject> ended;
  ended.reserve(endings_.size());
  for (const Ending& ending : endings_) ended.push_back(ending.subject);
  return ended;
}

void LiveState::End(std::string_view bytes, int64_t time_ns) {
  const auto found = index_.find(key_);
  const bool is_known = found != index_.end();
  if (max_ended_bytes_ > 0) {
    KeepEnding(is_known ? found->second->bytes : nullptr, bytes, time_ns);
  }
  if (is_known) Erase(found->second);
  const size_t hash = std::hash<std::string>()(key_);
  const auto [ended, is_new] = ended_.emplace(hash, time_ns);
  ended->second = std::max(ended->second, time_ns);
  if (!is_new) return;
  ended_order_.push_back(hash);
  if (ended_order_.size() > kMaxEnded) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

void LiveState::Erase(Entries::iterator entry) {
  bytes_ -= entry->charged_bytes;
  index_.erase(entry->key);
  entries_.erase(entry);
}

void LiveState::Drop(const std::string& stream_id) {
  const auto stream = streams_.find(stream_id);
  if (stream == streams_.end()) return;
  const std::string prefix(reinterpret_cast<const char*>(&stream->second.id), sizeof(uint32_t));
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->key.starts_with(prefix)) Erase(entry);
    entry = next;
  }
  streams_.erase(stream);
  last_stream_ = nullptr;
}

std::vector<LiveState::Item> LiveState::Items() {
  ++epoch_;
  std::vector<Item> items;
  items.reserve(entries_.size());
  for (const Entry& entry : entries_) items.push_back({entry.bytes, entry.is_first_image});
  return items;
}

}  // namespace daemoneye::event_bus
