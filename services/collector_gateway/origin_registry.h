// OriginRegistry: which link may bring the events of which publisher.
//
// A link claims what it vouches for when it negotiates; the first to claim a stream serves it. So
// no event can enter the gateway twice by two ways, and none in another publisher's name.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "daemoneye/v1/control.pb.h"
#include "daemoneye/v1/origin.pb.h"
#include "libs/base/mutex.h"

namespace daemoneye::gateway {

class OriginRegistry {
 public:
  // Publishers that all links together, and one link alone, may claim. A link's first claim, its
  // own log, is always taken: no link can lock out another.
  static constexpr size_t kMaxPublishers = 10'000;
  static constexpr size_t kMaxPublishersOfALink = 4'096;
  // Of a publisher's names, each; and of all that is told of it, beyond which its labels, boot id
  // and version are left out.
  static constexpr size_t kMaxNameBytes = 256;
  static constexpr size_t kMaxPublisherBytes = 8 << 10;

  // `on_claim` is told every publisher that is claimed or changed, before Claim returns; on the
  // claiming thread.
  explicit OriginRegistry(std::function<void(const v1::Publisher&)> on_claim)
      : on_claim_(std::move(on_claim)) {}

  // Claims `publisher.stream_id` for link `link`. False when another link holds it, a bound
  // is reached, or its names are too long. Claiming again updates what is known of the publisher.
  bool Claim(int link, const v1::Publisher& publisher);

  // Gives up everything that `link` holds.
  void Release(int link);

  // Who holds the stream; nullopt when nobody does.
  std::optional<int> Holder(const std::string& stream_id) const;

  // The publisher, if `link` holds it.
  std::shared_ptr<const v1::Publisher> Find(int link, const std::string& stream_id) const;

  // All publishers there are now, by stream id.
  std::vector<v1::Publisher> Publishers() const;

  // Their stream ids, in order, and how often these have changed.
  struct Streams {
    std::vector<std::string> ids;
    uint64_t changes = 0;
  };
  Streams streams() const;
  uint64_t changes() const;

 private:
  struct Claimed {
    int link;
    std::shared_ptr<const v1::Publisher> publisher;
  };

  bool HasRoomLocked(int link) const REQUIRES(mu_);

  const std::function<void(const v1::Publisher&)> on_claim_;
  mutable base::Mutex mu_;
  absl::flat_hash_map<std::string, Claimed> claims_ GUARDED_BY(mu_);
  absl::flat_hash_map<int, size_t> claims_of_link_ GUARDED_BY(mu_);
  uint64_t changes_ GUARDED_BY(mu_) = 0;  // of its keys
};

}  // namespace daemoneye::gateway
