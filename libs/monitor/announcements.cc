#include "libs/monitor/announcements.h"

#include <utility>

#include "daemoneye/v1/event.pb.h"

namespace daemoneye::monitor {

void Announcements::AddPublisher(const v1::Publisher& publisher) {
  v1::CollectionEvent event;
  *event.mutable_control()->mutable_publisher() = publisher;
  Announce({.stream_id = publisher.stream_id(),
            .event = std::make_shared<const std::string>(event.SerializeAsString())});
}

void Announcements::RemovePublisher(std::string_view stream_id) {
  base::MutexLock lock(mu_);
  EraseLocked(stream_id);
}

void Announcements::CapabilitiesChanged(const v1::CapabilitiesChanged& change) {
  v1::CollectionEvent event;
  *event.mutable_control()->mutable_capabilities_changed() = change;
  Announce({.event = std::make_shared<const std::string>(event.SerializeAsString())});
}

uint64_t Announcements::version() const {
  base::MutexLock lock(mu_);
  return version_;
}

Announcements::News Announcements::Since(uint64_t version) const {
  base::MutexLock lock(mu_);
  News news{.version = version_};
  if (version == version_) return news;
  for (const Entry& entry : entries_) {
    if (entry.version > version) news.events.push_back(entry.event);
  }
  return news;
}

Announcements::News Announcements::Publishers() const {
  base::MutexLock lock(mu_);
  News news{.version = version_};
  for (const Entry& entry : entries_) {
    if (!entry.stream_id.empty()) news.events.push_back(entry.event);
  }
  return news;
}

void Announcements::SetListener(std::function<void()> listener) {
  base::MutexLock lock(mu_);
  listener_ = listener == nullptr
                  ? nullptr
                  : std::make_shared<const std::function<void()>>(std::move(listener));
}

void Announcements::Announce(Entry entry) {
  std::shared_ptr<const std::function<void()>> listener;
  {
    base::MutexLock lock(mu_);
    EraseLocked(entry.stream_id);
    if (entries_.size() >= kMaxPublishers) entries_.erase(entries_.begin());
    entry.version = ++version_;
    entries_.push_back(std::move(entry));
    listener = listener_;
  }
  if (listener != nullptr) (*listener)();
}

void Announcements::EraseLocked(std::string_view stream_id) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.stream_id == stream_id; });
}

}  // namespace daemoneye::monitor
