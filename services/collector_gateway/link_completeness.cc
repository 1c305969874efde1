#include "services/collector_gateway/link_completeness.h"

#include "fmt/format.h"

namespace daemoneye::gateway {
namespace {

constexpr int kMaxReasons = 16;

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

}  // namespace daemoneye::gateway
