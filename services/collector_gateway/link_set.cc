#include "services/collector_gateway/link_set.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "grpcpp/security/credentials.h"

namespace daemoneye::gateway {

using base::MutexLock;

LinkSet::LinkSet(std::vector<MonitorAddress> addresses, LinkDependencies dependencies,
                 Options options)
    : addresses_(std::move(addresses)),
      deps_(std::move(dependencies)),
      options_(std::move(options)) {}

LinkSet::~LinkSet() { Stop(); }

void LinkSet::Start() {
  MutexLock lock(mu_);
  for (const MonitorAddress& address : addresses_) {
    if (address.is_resolved) continue;
    if (links_.contains(address.text)) continue;
    AddLocked(address.text, address.text, address.is_tcp)->Start();
  }
  if (std::any_of(addresses_.begin(), addresses_.end(),
                  [](const MonitorAddress& a) { return a.is_resolved; })) {
    resolver_ = base::Thread("resolver", [this](std::stop_token stop) { Resolve(stop); });
  }
}

void LinkSet::Stop() {
  {
    MutexLock lock(mu_);
    is_stopped_ = true;
    for (const auto& [text, link] : links_) link->RequestStop();
  }
  resolver_.StopAndJoin();
  for (const std::shared_ptr<MonitorLink>& link : links()) link->Stop();
}

std::vector<std::shared_ptr<MonitorLink>> LinkSet::links() const {
  MutexLock lock(mu_);
  std::vector<std::shared_ptr<MonitorLink>> all;
  all.reserve(links_.size());
  for (const auto& [text, link] : links_) all.push_back(link);
  return all;
}

std::vector<MonitorLink::Status> LinkSet::statuses() const {
  std::vector<MonitorLink::Status> all;
  for (const std::shared_ptr<MonitorLink>& link : links()) all.push_back(link->status());
  return all;
}

LinkCounts LinkSet::retired() const {
  MutexLock lock(mu_);
  return retired_;
}

std::vector<std::string> LinkSet::unresolved() const {
  MutexLock lock(mu_);
  std::vector<std::string> all;
  for (const auto& [name, reason] : unresolved_) all.push_back(reason);
  return all;
}

std::shared_ptr<MonitorLink> LinkSet::AddLocked(const std::string& text, const std::string& target,
                                                bool is_tcp) {
  LinkDependencies deps = deps_;
  deps.credentials = is_tcp ? options_.tcp_credentials : grpc::InsecureChannelCredentials();
  auto link =
      std::make_shared<MonitorLink>(next_id_++, text, target, std::move(deps), options_.timing);
  links_[text] = link;
  return link;
}

void LinkSet::Resolve(std::stop_token stop) {
  do {
    for (const MonitorAddress& address : addresses_) {
      if (address.is_resolved && !stop.stop_requested()) ResolveOnce(address);
    }
  } while (deps_.clock.SleepFor(options_.resolve_interval, stop));
}

void LinkSet::ResolveOnce(const MonitorAddress& address) {
  absl::StatusOr<std::vector<std::string>> targets = options_.resolver(address);
  const std::string prefix = address.text + " ";
  std::vector<std::shared_ptr<MonitorLink>> gone;
  {
    MutexLock lock(mu_);
    if (is_stopped_) return;
    if (!targets.ok()) {
      // A resolver that fails says nothing about the links there are.
      unresolved_[address.text] = targets.status().ToString();
      return;
    }
    unresolved_.erase(address.text);
    if (targets->size() > options_.max_links_per_name) {
      unresolved_[address.text] =
          fmt::format("{}: {} addresses, only the first {} are used", address.text, targets->size(),
                      options_.max_links_per_name);
      targets->resize(options_.max_links_per_name);
    }
    for (const std::string& target : *targets) {
      if (!links_.contains(prefix + target)) AddLocked(prefix + target, target, true)->Start();
    }
    for (auto it = links_.begin(); it != links_.end();) {
      const bool is_ours = it->first.starts_with(prefix);
      const std::string target = is_ours ? it->first.substr(prefix.size()) : "";
      if (is_ours && std::find(targets->begin(), targets->end(), target) == targets->end()) {
        gone.push_back(it->second);
        it = links_.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (const std::shared_ptr<MonitorLink>& link : gone) {
    link->Stop();
    const MonitorLink::Status last = link->status();
    if (!last.position.stream_id().empty()) deps_.bus.DropState(last.position.stream_id());
    MutexLock lock(mu_);
    retired_.Add(last.counts);
  }
}

}  // namespace daemoneye::gateway
