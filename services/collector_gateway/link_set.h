// LinkSet: all of a gateway's monitor links, those of resolved names included.
//
// Threads:    owns those of its NameLookups; everything public from any.
// Ownership:  owns the links.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "services/collector_gateway/monitor_address.h"
#include "services/collector_gateway/monitor_link.h"
#include "services/collector_gateway/name_lookups.h"

namespace daemoneye::gateway {

class LinkSet {
 public:
  struct Options {
    // For TCP; unix sockets are dialled in clear text.
    std::shared_ptr<grpc::ChannelCredentials> tcp_credentials;
    absl::Duration resolve_interval = absl::Seconds(30);
    // Links that one name may resolve to.
    size_t max_links_per_name = 256;
    NameLookups::Resolver resolver = ResolveMonitorAddress;
    LinkTiming timing;
  };

  // `dependencies.credentials` is not used: each link gets what fits its address.
  LinkSet(std::vector<MonitorAddress> addresses, LinkDependencies dependencies, Options options);
  ~LinkSet();

  void Start();
  // Stops all links together, without waiting for a resolver. Idempotent.
  void Stop();

  // Of every link there is, and of every name that has none, by address.
  std::vector<MonitorLink::Status> statuses() const;
  std::vector<std::shared_ptr<MonitorLink>> links() const;
  // Counts of links that are no more.
  LinkCounts retired() const;
  // What is wrong with the resolving of names that have links all the same.
  std::vector<std::string> unresolved() const;

 private:
  // A link an address of the name, from here on.
  void OnResolved(const MonitorAddress& address, NameLookups::Answer targets);
  std::shared_ptr<MonitorLink> AddLocked(const std::string& text, const std::string& target,
                                         bool is_tcp) REQUIRES(mu_);
  void NoteLocked(const std::string& name, v1::MonitorState state, std::string problem)
      REQUIRES(mu_);
  bool HasLinksLocked(const std::string& name) const REQUIRES(mu_);

  const std::vector<MonitorAddress> addresses_;
  const LinkDependencies deps_;
  const Options options_;

  mutable base::Mutex mu_;
  int next_id_ GUARDED_BY(mu_) = 1;
  bool is_stopped_ GUARDED_BY(mu_) = false;
  std::map<std::string, std::shared_ptr<MonitorLink>> links_ GUARDED_BY(mu_);  // by address text
  // By name, as a link to it would be told.
  std::map<std::string, MonitorLink::Status> unresolved_ GUARDED_BY(mu_);
  LinkCounts retired_ GUARDED_BY(mu_);

  NameLookups lookups_;  // last: asks for nothing that is gone
};

}  // namespace daemoneye::gateway
