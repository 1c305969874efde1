#include "libs/trigger/window_buffer.h"

#include <algorithm>
#include <utility>

namespace daemoneye::trigger {
namespace {

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

SharedEvent ShareEvent(const v1::CollectionEvent& event) {
  SharedEvent shared{.event = std::make_shared<const v1::CollectionEvent>(event),
                     .time = ToTime(event.event_time()),
                     .bytes = 1024 + 2 * event.ByteSizeLong()};
  if (event.has_observed_time()) {
    const absl::Time observed = ToTime(event.observed_time());
    if (absl::AbsDuration(observed - shared.time) > absl::Hours(24)) shared.time = observed;
  }
  return shared;
}

void WindowBuffer::Add(const SharedEvent& event) {
  events_.push_back(event);
  bytes_ += event.bytes;
  while (events_.size() > kMaxEvents || (bytes_ > kMaxBytes && events_.size() > 1)) {
    bytes_ -= events_.front().bytes;
    events_.pop_front();
    ++dropped_;
  }
}

bool WindowBuffer::IsDue(absl::Time now, absl::Time* at) {
  *at = absl::UnixEpoch() + absl::Floor(now - absl::UnixEpoch(), step_);
  if (*at <= last_) return false;
  if (last_ != absl::InfinitePast()) *at = std::max(last_ + step_, *at - kMaxMadeUp * step_);
  last_ = *at;
  return true;
}

std::vector<const SharedEvent*> WindowBuffer::Select(absl::Time at) {
  const absl::Time begin = at - window_;
  std::erase_if(events_, [&](const SharedEvent& event) {
    if (event.time >= begin) return false;
    bytes_ -= event.bytes;
    return true;
  });
  std::vector<const SharedEvent*> selected;
  for (const SharedEvent& event : events_) {
    if (event.time < at) selected.push_back(&event);
  }
  return selected;
}

bool WindowBuffer::IsNew(const std::string& key) {
  if (keys_now_.size() >= kMaxKeys) return false;
  return keys_now_.insert(key).second && !keys_before_.contains(key);
}

void WindowBuffer::EndEvaluation() { keys_before_ = std::exchange(keys_now_, {}); }

}  // namespace daemoneye::trigger
