#include "services/collector_gateway/link_completeness.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::gateway {
namespace {

constexpr int kMaxReasons = 16;

bool TellsOf(const MonitorLink::Status& link, const std::string& host) {
  if (link.monitor.host() == host) return true;
  return std::ranges::any_of(link.monitor.origins(), [&](const v1::Publisher& publisher) {
    return publisher.host() == host;
  });
}

}  // namespace

v1::Completeness CompletenessOf(const LinkSet& links) {
  return CompletenessOf(links.unresolved(), links.statuses());
}

v1::Completeness CompletenessOf(const std::vector<std::string>& unresolved,
                                const std::vector<MonitorLink::Status>& links) {
  v1::Completeness completeness;
  const auto add = [&](std::string reason) {
    if (completeness.reasons_size() < kMaxReasons) completeness.add_reasons(std::move(reason));
  };
  for (const std::string& name : unresolved) add(name);
  for (const MonitorLink::Status& link : links) {
    if (link.state != v1::MONITOR_STATE_STREAMING && link.state != v1::MONITOR_STATE_DUPLICATE) {
      add(fmt::format("{} does not stream: {}", link.name(),
                      v1::MonitorState_Name(link.state).substr(14)));
    }
    if (link.counts.lost > 0) {
      add(fmt::format("{} events of {} were lost in {} gaps", link.counts.lost, link.name(),
                      link.counts.gaps));
    }
  }
  completeness.set_complete(completeness.reasons().empty());
  return completeness;
}

v1::Completeness CompletenessOfHost(const LinkSet& links, const std::string& host) {
  return host.empty() ? CompletenessOf(links) : CompletenessOfHost(links.statuses(), host);
}

v1::Completeness CompletenessOfHost(const std::vector<MonitorLink::Status>& links,
                                    const std::string& host) {
  std::vector<MonitorLink::Status> of_host;
  bool is_told = false;
  for (const MonitorLink::Status& link : links) {
    const bool is_known = !link.monitor.stream_id().empty();
    const bool tells = TellsOf(link, host);
    is_told |= tells;
    if (tells || !is_known) of_host.push_back(link);
  }
  v1::Completeness completeness = CompletenessOf({}, of_host);
  if (!is_told) {
    completeness.set_complete(false);
    completeness.add_reasons(fmt::format("no monitor tells of host {}", host));
  }
  return completeness;
}

}  // namespace daemoneye::gateway
