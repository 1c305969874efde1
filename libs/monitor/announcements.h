// Announcements: what every open stream has to be told beside the events: who publishes, and what
// the server can do now.
//
// A publisher is announced before its first event is published on the bus; a stream that sees the
// event then finds the announcement, too, and tells it first. New streams are told all publishers
// there are, and capabilities only as they change.
//
// Threads:  all methods from any thread. The listener is called with no lock held.
// Bounds:   kMaxPublishers, oldest forgotten; one word on capabilities, the latest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemoneye/v1/control.pb.h"
#include "libs/base/mutex.h"

namespace daemoneye::monitor {

class Announcements {
 public:
  static constexpr size_t kMaxPublishers = 4096;

  // Tells open and future streams of a publisher, named by its stream_id; again replaces it.
  void AddPublisher(const v1::Publisher& publisher);
  // Future streams are no longer told: neither ring nor state holds anything of it.
  void RemovePublisher(std::string_view stream_id);
  // Tells open streams.
  void CapabilitiesChanged(const v1::CapabilitiesChanged& change);

  // Grows with each call above but RemovePublisher. Cheap.
  uint64_t version() const;

  // Serialised CollectionEvents, oldest first.
  struct News {
    std::vector<std::shared_ptr<const std::string>> events;
    uint64_t version = 0;
  };
  // Everything announced after `version`.
  News Since(uint64_t version) const;
  // What a new stream is told: every publisher.
  News Publishers() const;

  // Called after each announcement; empty: nobody. A call under way may still end after this
  // returns.
  void SetListener(std::function<void()> listener);

 private:
  struct Entry {
    uint64_t version = 0;
    std::string stream_id;  // empty: capabilities
    std::shared_ptr<const std::string> event;
  };
  void Announce(Entry entry);
  void EraseLocked(std::string_view stream_id) REQUIRES(mu_);

  mutable base::Mutex mu_;
  std::vector<Entry> entries_ GUARDED_BY(mu_);  // by version
  uint64_t version_ GUARDED_BY(mu_) = 0;
  std::shared_ptr<const std::function<void()>> listener_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::monitor
