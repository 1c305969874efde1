#include "services/collector_gateway/gateway_backend.h"

#include <optional>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "services/collector_gateway/task_router.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;

// A gateway above takes negotiations of 1 MiB and events of 128 KiB: what one monitor claims must
// not cut off all the others.
constexpr size_t kMaxOriginsBytes = 512 << 10;
constexpr size_t kMaxSourcesBytes = 256 << 10;
constexpr size_t kMaxToldOriginsBytes = 80 << 10;
constexpr size_t kMaxToldSourcesBytes = 32 << 10;

// Whether `text` is still within `bound` of what was taken so far.
bool Fits(const std::string& text, size_t bound, size_t& taken_bytes) {
  taken_bytes += text.size() + 4;
  return taken_bytes <= bound;
}

// What all monitors together can do.
std::set<v1::SourceCap> Union(const std::vector<MonitorLink::Status>& links) {
  std::set<v1::SourceCap> caps;
  for (const MonitorLink::Status& link : links) {
    if (link.state != v1::MONITOR_STATE_STREAMING) continue;
    for (const int cap : link.monitor.granted_caps()) caps.insert(static_cast<v1::SourceCap>(cap));
  }
  return caps;
}

}  // namespace

GatewayBackend::GatewayBackend(std::vector<MonitorAddress> addresses, event_bus::EventBus& bus,
                               base::Clock& clock, Options options)
    : bus_(bus),
      has_monitors_(!addresses.empty()),
      options_(std::move(options)),
      registry_([this](const v1::Publisher& p) { announcements_.AddPublisher(p); }),
      links_(std::move(addresses),
             LinkDependencies{bus, pool_, registry_, clock, nullptr, options_.publisher.version(),
                              [this](const MonitorLink& link) { OnLinkChange(link); },
                              options_.stored_position, options_.on_position},
             options_.links) {}

bool GatewayBackend::IsReady() const {
  if (!has_monitors_) return true;
  for (const MonitorLink::Status& link : links_.statuses()) {
    if (link.state == v1::MONITOR_STATE_STREAMING) return true;
  }
  return false;
}

std::vector<std::string> GatewayBackend::Problems() const {
  std::vector<std::string> problems = links_.unresolved();
  for (const MonitorLink::Status& link : links_.statuses()) {
    if (link.state == v1::MONITOR_STATE_STREAMING) continue;
    problems.push_back(fmt::format("{}: {}{}{}", link.name(),
                                   v1::MonitorState_Name(link.state).substr(14),
                                   link.last_error.empty() ? "" : ", ", link.last_error));
  }
  if (options_.other_problems) {
    for (std::string& problem : options_.other_problems()) problems.push_back(std::move(problem));
  }
  return problems;
}

void GatewayBackend::Describe(v1::NegotiateCapabilitiesResponse& response) const {
  const std::vector<MonitorLink::Status> links = links_.statuses();
  for (const v1::SourceCap cap : Union(links)) response.add_granted_caps(cap);
  std::set<v1::TaskType> tasks;
  size_t sources_bytes = 0;
  std::set<std::string> via = {bus_.stream_id()};
  for (const MonitorLink::Status& link : links) {
    if (link.state != v1::MONITOR_STATE_STREAMING) continue;
    for (v1::Source source : link.monitor.sources()) {
      if (source.monitor().empty()) source.set_monitor(link.name());
      sources_bytes += source.ByteSizeLong();
      if (sources_bytes <= kMaxSourcesBytes) *response.add_sources() = std::move(source);
    }
    for (const int task : link.monitor.task_types()) tasks.insert(static_cast<v1::TaskType>(task));
    via.insert(link.monitor.via().begin(), link.monitor.via().end());
  }
  for (const v1::TaskType task : tasks) response.add_task_types(task);
  for (const std::string& id : via) response.add_via(id);
  size_t origins_bytes = 0;
  for (v1::Publisher& publisher : registry_.Publishers()) {
    publisher.clear_labels();  // told in the streams
    origins_bytes += publisher.ByteSizeLong();
    if (origins_bytes > kMaxOriginsBytes) break;
    *response.add_origins() = std::move(publisher);
  }
}

void GatewayBackend::CompleteSnapshot(v1::SnapshotComplete& complete) const {
  for (const MonitorLink::Status& link : links_.statuses()) {
    if (link.state == v1::MONITOR_STATE_STREAMING || link.state == v1::MONITOR_STATE_DUPLICATE) {
      continue;
    }
    complete.add_missing_monitors(link.name());
  }
}

void GatewayBackend::FillStatus(v1::GetStatusResponse& response) const {
  options_.fill_server_status(response);
  response.set_ready(IsReady());
  for (std::string& problem : Problems()) response.add_problems(std::move(problem));
  LinkCounts total = links_.retired();
  for (const MonitorLink::Status& link : links_.statuses()) {
    total.Add(link.counts);
    v1::SourceHealth& health = *response.add_sources();
    health.set_name(link.name());
    health.set_state(link.state == v1::MONITOR_STATE_STREAMING ? v1::SOURCE_STATE_RUNNING
                                                               : v1::SOURCE_STATE_DEGRADED);
    if (link.state != v1::MONITOR_STATE_STREAMING) health.set_detail(link.last_error);
    health.set_restarts(link.reconnects);
    health.set_observed(link.counts.received);
  }
  v1::Accounting& accounting = *response.mutable_accounting();
  accounting.set_observed(total.received);
  accounting.set_published(total.accepted);
  accounting.set_notices(accounting.notices() + total.notices);
  for (int i = 0; i < kRejectionCount; ++i) {
    if (total.rejected[i] == 0) continue;
    v1::DroppedCount& dropped = *accounting.add_dropped();
    dropped.set_stage("link");
    dropped.set_reason(std::string(RejectionName(static_cast<Rejection>(i))));
    dropped.set_count(total.rejected[i]);
  }
}

absl::Status GatewayBackend::RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                                     const std::function<bool(v1::CollectionEvent)>& emit,
                                     v1::TaskSummary& summary) {
  return RouteTask(links_.links(), request, std::move(stop), options_.task_timeout, emit, summary);
}

void GatewayBackend::OnLinkChange(const MonitorLink& link) {
  const MonitorLink::Status changed = link.status();
  bool is_new_state;
  {
    MutexLock lock(mu_);
    Told& last = told_[link.id()];
    // A link that cannot connect goes back and forth between CONNECTING and RETRYING: told once.
    // One that did connect and fails now for another reason is told.
    if (changed.state == v1::MONITOR_STATE_NEGOTIATED) last.was_reached = true;
    const bool is_new_reason = last.was_reached && changed.last_error != last.error;
    is_new_state = (changed.state != last.state || is_new_reason) &&
                   changed.state != v1::MONITOR_STATE_CONNECTING &&
                   changed.state != v1::MONITOR_STATE_NEGOTIATED;
    if (is_new_state) last = {changed.state, changed.last_error, false};
  }
  if (is_new_state) options_.on_link_change(changed);
  // A link that comes and goes without anything to tell, which most changes are, costs no more than
  // this, however many links there are.
  if (!TakeContribution(changed, link.id())) return;
  TellCapabilities(
      fmt::format("{} is {}", changed.name(), v1::MonitorState_Name(changed.state).substr(14)));
}

bool GatewayBackend::TakeContribution(const MonitorLink::Status& link, int id) {
  std::optional<Contribution> now;
  if (link.state == v1::MONITOR_STATE_STREAMING) {
    now.emplace();
    now->caps.assign(link.monitor.granted_caps().begin(), link.monitor.granted_caps().end());
    for (const v1::Source& source : link.monitor.sources()) now->sources.push_back(source.name());
  }
  const uint64_t origin_changes = registry_.changes();
  MutexLock lock(mu_);
  const auto before = contributions_.find(id);
  const bool is_known = before != contributions_.end();
  const bool is_same = now.has_value() ? is_known && before->second == *now : !is_known;
  if (is_same && origin_changes == told_origin_changes_) return false;
  if (now.has_value()) {
    contributions_[id] = *std::move(now);
  } else {
    contributions_.erase(id);
  }
  return true;
}

void GatewayBackend::TellCapabilities(const std::string& reason) {
  std::set<int> there_are;
  for (const auto& link : links_.links()) there_are.insert(link->id());
  v1::CapabilitiesChanged change;
  OriginRegistry::Streams origins = registry_.streams();
  size_t origins_bytes = 0;
  for (std::string& id : origins.ids) {
    if (Fits(id, kMaxToldOriginsBytes, origins_bytes)) change.add_origins(std::move(id));
  }
  {
    MutexLock lock(mu_);
    told_origin_changes_ = origins.changes;
    // Links of a name that resolves to others now.
    std::erase_if(contributions_, [&](const auto& c) { return !there_are.contains(c.first); });
    std::erase_if(told_, [&](const auto& t) { return !there_are.contains(t.first); });
    std::set<int> caps;
    size_t sources_bytes = 0;
    for (const auto& [id, contribution] : contributions_) {
      caps.insert(contribution.caps.begin(), contribution.caps.end());
      for (const std::string& source : contribution.sources) {
        if (Fits(source, kMaxToldSourcesBytes, sources_bytes)) change.add_sources(source);
      }
    }
    for (const int cap : caps) change.add_caps(static_cast<v1::SourceCap>(cap));
    std::string told = change.SerializeAsString();
    if (told == last_told_) return;
    last_told_ = std::move(told);
  }
  change.set_reason(reason);
  announcements_.CapabilitiesChanged(change);
}

}  // namespace daemoneye::gateway
