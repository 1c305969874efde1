#include "services/collector_gateway/trigger_requests.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/event/event_builder.h"

namespace daemoneye::gateway {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;
// A page stays below the 4 MiB that gRPC's clients take.
constexpr size_t kMaxPageBytes = 1 << 20;
constexpr int kDefaultMatches = 100;
constexpr int kMaxMatches = 1000;
constexpr int64_t kDefaultTimeoutSeconds = 30;
constexpr int64_t kMaxTimeoutSeconds = 600;
constexpr size_t kReadEvents = 512;

absl::StatusOr<absl::Time> TimeOf(const google::protobuf::Timestamp& time, const char* field) {
  if (time.seconds() < TimeUtil::kTimestampMinSeconds ||
      time.seconds() > TimeUtil::kTimestampMaxSeconds || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return absl::InvalidArgumentError(fmt::format("{}: is not a time", field));
  }
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::StatusOr<storage::ReadOptions> RangeOf(const v1::BackTestTriggerRequest& request) {
  storage::ReadOptions range;
  if (request.has_since()) {
    ASSIGN_OR_RETURN(range.since, TimeOf(request.since(), "since"));
  }
  if (request.has_until()) {
    ASSIGN_OR_RETURN(range.until, TimeOf(request.until(), "until"));
  }
  if (range.since > range.until) return absl::InvalidArgumentError("since: is after until");
  return range;
}

absl::StatusOr<trigger::BackTestOptions> OptionsOf(const v1::BackTestTriggerRequest& request) {
  trigger::BackTestOptions options;
  if (request.max_matches() < 0 || request.max_matches() > kMaxMatches) {
    return absl::InvalidArgumentError(fmt::format("max_matches: wants 0 to {}", kMaxMatches));
  }
  options.max_matches =
      static_cast<size_t>(request.max_matches() == 0 ? kDefaultMatches : request.max_matches());
  options.timeout = absl::Seconds(kDefaultTimeoutSeconds);
  if (request.has_timeout()) {
    options.timeout = event::ToDuration(request.timeout());
    if (options.timeout <= absl::ZeroDuration() ||
        options.timeout > absl::Seconds(kMaxTimeoutSeconds)) {
      return absl::InvalidArgumentError(
          fmt::format("timeout: wants more than 0 s and at most {} s", kMaxTimeoutSeconds));
    }
  }
  return options;
}

}  // namespace

absl::Status ListTriggers(const TriggerRegistry& registry, const v1::ListTriggersRequest& request,
                          v1::ListTriggersResponse& response) {
  if (request.page_size() < 0) return absl::InvalidArgumentError("page_size: must be 0 or more");
  const int page_size =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  // The token is the id of the last trigger of the page before. One more tells of another page.
  std::vector<v1::Trigger> page =
      registry.List(request.page_token(), static_cast<size_t>(page_size) + 1);
  size_t bytes = 0;
  for (v1::Trigger& trigger : page) {
    bytes += trigger.ByteSizeLong();
    const int size = response.triggers_size();
    if (size == page_size || (size > 0 && bytes > kMaxPageBytes)) break;
    *response.add_triggers() = std::move(trigger);
  }
  if (static_cast<size_t>(response.triggers_size()) < page.size()) {
    response.set_next_page_token(response.triggers(response.triggers_size() - 1).id());
  }
  return absl::OkStatus();
}

absl::Status UpdateTrigger(TriggerRegistry& registry, const v1::UpdateTriggerRequest& request,
                           v1::UpdateTriggerResponse& response) {
  const std::vector<std::string> fields(request.update_mask().paths().begin(),
                                        request.update_mask().paths().end());
  ASSIGN_OR_RETURN(*response.mutable_trigger(), registry.Update(request.trigger(), fields));
  return absl::OkStatus();
}

absl::Status FillStatistics(const trigger::TriggerEngine& engine, const TriggerRegistry& registry,
                            const v1::GetTriggerStatisticsRequest& request,
                            v1::GetTriggerStatisticsResponse& response) {
  for (const std::string& id : request.trigger_ids()) {
    RETURN_IF_ERROR(registry.Get(id).status());
  }
  std::vector<std::string> ids(request.trigger_ids().begin(), request.trigger_ids().end());
  for (v1::TriggerStatistics& statistics : engine.Statistics(ids)) {
    *response.add_statistics() = std::move(statistics);
  }
  const trigger::QueueStatistics queue = engine.Queue();
  response.set_queue_depth(static_cast<uint32_t>(queue.depth));
  response.set_queue_capacity(static_cast<uint32_t>(queue.capacity));
  for (const auto& [priority, count] : queue.dropped) {
    (*response.mutable_queue_dropped())[priority] = count;
  }
  response.set_timed_out(queue.timed_out);
  response.set_missed_events(engine.missed_events());
  return absl::OkStatus();
}

absl::Status BackTest(const trigger::TriggerEngine& engine, const storage::EventStore& events,
                      const v1::BackTestTriggerRequest& request,
                      const std::function<bool()>& is_cancelled,
                      v1::BackTestTriggerResponse& response) {
  ASSIGN_OR_RETURN(const storage::ReadOptions range, RangeOf(request));
  ASSIGN_OR_RETURN(const trigger::BackTestOptions options, OptionsOf(request));
  ASSIGN_OR_RETURN(const std::unique_ptr<storage::EventReader> reader, events.Read(range));
  const auto next = [&](std::vector<v1::CollectionEvent>* batch) -> absl::Status {
    if (is_cancelled()) return absl::CancelledError("the caller has gone");
    ASSIGN_OR_RETURN(*batch, reader->Read(kReadEvents));
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(response, engine.BackTest(request.trigger(), next, options));
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
