#include "services/collector_gateway/link_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "fmt/format.h"
#include "grpcpp/security/credentials.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;

std::vector<MonitorAddress> NamesAmong(const std::vector<MonitorAddress>& addresses) {
  std::vector<MonitorAddress> names;
  std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(names),
               [](const MonitorAddress& a) { return a.is_resolved; });
  return names;
}

}  // namespace

LinkSet::LinkSet(std::vector<MonitorAddress> addresses, LinkDependencies dependencies,
                 Options options)
    : addresses_(std::move(addresses)),
      deps_(std::move(dependencies)),
      options_(std::move(options)),
      lookups_(NamesAmong(addresses_), options_.resolver, options_.resolve_interval, deps_.clock,
               [this](const MonitorAddress& address, NameLookups::Answer targets) {
                 OnResolved(address, std::move(targets));
               }) {}

LinkSet::~LinkSet() { Stop(); }

void LinkSet::Start() {
  {
    MutexLock lock(mu_);
    for (const MonitorAddress& address : addresses_) {
      if (address.is_resolved) {
        NoteLocked(address.text, v1::MONITOR_STATE_CONNECTING, "not resolved yet");
      } else if (!links_.contains(address.text)) {
        AddLocked(address.text, address.text, address.is_tcp)->Start();
      }
    }
  }
  lookups_.Start();
}

void LinkSet::Stop() {
  {
    MutexLock lock(mu_);
    is_stopped_ = true;
    for (const auto& [text, link] : links_) link->RequestStop();
  }
  lookups_.Stop();
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
  {
    MutexLock lock(mu_);
    for (const auto& [name, status] : unresolved_) {
      if (!HasLinksLocked(name)) all.push_back(status);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  return all;
}

LinkCounts LinkSet::retired() const {
  MutexLock lock(mu_);
  return retired_;
}

std::vector<std::string> LinkSet::unresolved() const {
  MutexLock lock(mu_);
  std::vector<std::string> all;
  for (const auto& [name, status] : unresolved_) {
    if (HasLinksLocked(name)) all.push_back(fmt::format("{}: {}", name, status.last_error));
  }
  return all;
}

// Their keys begin with the name and a space, which no address has.
bool LinkSet::HasLinksLocked(const std::string& name) const {
  const auto link = links_.lower_bound(name + " ");
  return link != links_.end() && link->first.starts_with(name + " ");
}

void LinkSet::NoteLocked(const std::string& name, v1::MonitorState state, std::string problem) {
  MonitorLink::Status& status = unresolved_[name];
  status.address = name;
  if (status.state != state || absl::ToUnixNanos(status.state_since) == 0) {
    status.state_since = deps_.clock.Now();
  }
  status.state = state;
  status.last_error = std::move(problem);
  status.last_error_time = deps_.clock.Now();
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

void LinkSet::OnResolved(const MonitorAddress& address, NameLookups::Answer targets) {
  const std::string prefix = address.text + " ";
  std::vector<std::shared_ptr<MonitorLink>> gone;
  {
    MutexLock lock(mu_);
    if (is_stopped_) return;
    if (!targets.ok()) {
      // A resolver that fails says nothing about the links there are.
      NoteLocked(address.text, v1::MONITOR_STATE_RETRYING, targets.status().ToString());
      return;
    }
    unresolved_.erase(address.text);
    if (targets->size() > options_.max_links_per_name) {
      NoteLocked(address.text, v1::MONITOR_STATE_RETRYING,
                 fmt::format("{} addresses, only the first {} are used", targets->size(),
                             options_.max_links_per_name));
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
