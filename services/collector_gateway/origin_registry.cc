#include "services/collector_gateway/origin_registry.h"

#include <algorithm>
#include <utility>

namespace daemoneye::gateway {

using base::MutexLock;

bool OriginRegistry::Claim(int link, const v1::Publisher& claimed) {
  if (std::max({claimed.stream_id().size(), claimed.monitor().size(), claimed.host().size()}) >
      kMaxNameBytes) {
    return false;
  }
  v1::Publisher publisher = claimed;
  if (publisher.ByteSizeLong() > kMaxPublisherBytes) {
    publisher.Clear();
    publisher.set_stream_id(claimed.stream_id());
    publisher.set_monitor(claimed.monitor());
    publisher.set_host(claimed.host());
  }
  {
    MutexLock lock(mu_);
    const auto found = claims_.find(publisher.stream_id());
    if (found != claims_.end() && found->second.link != link) return false;
    if (found == claims_.end()) {
      if (!HasRoomLocked(link)) return false;
      ++changes_;
      ++claims_of_link_[link];
    }
    claims_[publisher.stream_id()] = {link, std::make_shared<const v1::Publisher>(publisher)};
  }
  on_claim_(publisher);
  return true;
}

bool OriginRegistry::HasRoomLocked(int link) const {
  const auto count = claims_of_link_.find(link);
  if (count == claims_of_link_.end()) return true;  // its own log
  return count->second < kMaxPublishersOfALink && claims_.size() < kMaxPublishers;
}

void OriginRegistry::Release(int link) {
  MutexLock lock(mu_);
  claims_of_link_.erase(link);
  changes_ +=
      absl::erase_if(claims_, [link](const auto& entry) { return entry.second.link == link; });
}

std::optional<int> OriginRegistry::Holder(const std::string& stream_id) const {
  MutexLock lock(mu_);
  const auto found = claims_.find(stream_id);
  if (found == claims_.end()) return std::nullopt;
  return found->second.link;
}

std::shared_ptr<const v1::Publisher> OriginRegistry::Find(int link,
                                                          const std::string& stream_id) const {
  MutexLock lock(mu_);
  const auto found = claims_.find(stream_id);
  if (found == claims_.end() || found->second.link != link) return nullptr;
  return found->second.publisher;
}

OriginRegistry::Streams OriginRegistry::streams() const {
  Streams streams;
  {
    MutexLock lock(mu_);
    streams.changes = changes_;
    for (const auto& [stream_id, claimed] : claims_) streams.ids.push_back(stream_id);
  }
  std::sort(streams.ids.begin(), streams.ids.end());
  return streams;
}

uint64_t OriginRegistry::changes() const {
  MutexLock lock(mu_);
  return changes_;
}

std::vector<v1::Publisher> OriginRegistry::Publishers() const {
  std::vector<v1::Publisher> all;
  {
    MutexLock lock(mu_);
    for (const auto& [stream_id, claimed] : claims_) all.push_back(*claimed.publisher);
  }
  std::sort(all.begin(), all.end(), [](const v1::Publisher& a, const v1::Publisher& b) {
    return a.stream_id() < b.stream_id();
  });
  return all;
}

}  // namespace daemoneye::gateway
