// LinkSet: all of a gateway's monitor links, those of resolved names included.
//
// Threads:    owns one that resolves names, where there are any; everything public from any.
// Ownership:  owns the links.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "services/collector_gateway/monitor_address.h"
#include "services/collector_gateway/monitor_link.h"

namespace daemoneye::gateway {

class LinkSet {
 public:
  using Resolver = std::function<absl::StatusOr<std::vector<std::string>>(const MonitorAddress&)>;
  struct Options {
    // For TCP; unix sockets are dialled in clear text.
    std::shared_ptr<grpc::ChannelCredentials> tcp_credentials;
    absl::Duration resolve_interval = absl::Seconds(30);
    // Links that one name may resolve to.
    size_t max_links_per_name = 256;
    Resolver resolver = ResolveMonitorAddress;
    LinkTiming timing;
  };

  // `dependencies.credentials` is not used: each link gets what fits its address.
  LinkSet(std::vector<MonitorAddress> addresses, LinkDependencies dependencies, Options options);
  ~LinkSet();

  void Start();
  // Stops all links together. Idempotent.
  void Stop();

  // Of every link there is, by address.
  std::vector<MonitorLink::Status> statuses() const;
  std::vector<std::shared_ptr<MonitorLink>> links() const;
  // Counts of links that are no more.
  LinkCounts retired() const;
  // Names that do not resolve now, each with the reason.
  std::vector<std::string> unresolved() const;

 private:
  void Resolve(std::stop_token stop);
  void ResolveOnce(const MonitorAddress& address);
  std::shared_ptr<MonitorLink> AddLocked(const std::string& text, const std::string& target,
                                         bool is_tcp) REQUIRES(mu_);

  const std::vector<MonitorAddress> addresses_;
  const LinkDependencies deps_;
  const Options options_;

  mutable base::Mutex mu_;
  int next_id_ GUARDED_BY(mu_) = 1;
  bool is_stopped_ GUARDED_BY(mu_) = false;
  std::map<std::string, std::shared_ptr<MonitorLink>> links_ GUARDED_BY(mu_);  // by address text
  std::map<std::string, std::string> unresolved_ GUARDED_BY(mu_);
  LinkCounts retired_ GUARDED_BY(mu_);

  base::Thread resolver_;
};

}  // namespace daemoneye::gateway
