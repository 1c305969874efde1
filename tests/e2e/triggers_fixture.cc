#include "tests/e2e/triggers_fixture.h"

#include <utility>

#include "absl/time/clock.h"
#include "google/protobuf/util/time_util.h"
#include "tests/support/instrumented.h"

namespace daemoneye::testing_support {
namespace {

using google::protobuf::util::TimeUtil;

constexpr char kTriggers[] = "/daemoneye.v1.TriggerService/";
constexpr char kListAlerts[] = "/daemoneye.v1.AlertService/ListAlerts";
// From the event that shows it to the alert.
constexpr absl::Duration kSoon = absl::Seconds(1);
constexpr absl::Duration kTwoScans = absl::Seconds(11);

}  // namespace

v1::Trigger SqlTrigger(const std::string& id, const std::string& sql, absl::Duration window) {
  v1::Trigger trigger;
  trigger.set_id(id);
  trigger.mutable_condition()->set_sql(sql);
  if (window > absl::ZeroDuration()) {
    trigger.mutable_condition()->mutable_window()->set_seconds(absl::ToInt64Seconds(window));
  }
  return trigger;
}

void TriggersFixture::StartServers(const std::string& config,
                                   std::vector<std::string> procmond_flags) {
  procmond_flags.push_back("--interval=5");
  procmond_ = std::make_unique<Server>(kProcmond, directory_.Socket("p"), procmond_flags);
  procmond_->Ready();
  StartGateway(directory_.Socket("p"), config);
}

void TriggersFixture::StartGateway(const std::string& monitor, const std::string& config,
                                   const std::vector<std::string>& flags) {
  std::vector<std::string> all = {
      "--monitors=" + monitor, "--operator_listen=" + directory_.Socket("o"),
      "--data_dir=" + directory_.path(), "--metrics_address=127.0.0.1:0",
      "--config=" + directory_.Write("gateway.yaml", config)};
  all.insert(all.end(), flags.begin(), flags.end());
  gateway_ = std::make_unique<Server>(kGateway, directory_.Socket("g"), all);
  gateway_->Ready();
  client_.emplace(gateway_->address());
  operator_.emplace(directory_.Socket("o"));
}

std::vector<v1::Alert> TriggersFixture::AlertsOf(const std::set<uint32_t>& pids) const {
  v1::ListAlertsRequest request;
  request.set_page_size(1000);
  const auto all = client_->Call<v1::ListAlertsResponse>(kListAlerts, request);
  EXPECT_TRUE(all.ok()) << all.status();
  std::vector<v1::Alert> alerts;
  if (!all.ok()) return alerts;
  for (const v1::Alert& alert : all->alerts()) {
    if (pids.contains(alert.pid())) alerts.insert(alerts.begin(), alert);
  }
  return alerts;
}

std::vector<v1::Alert> TriggersFixture::AlertsOfTrigger(const std::string& trigger_id) const {
  v1::ListAlertsRequest request;
  request.set_page_size(1000);
  const auto all = client_->Call<v1::ListAlertsResponse>(kListAlerts, request);
  EXPECT_TRUE(all.ok()) << all.status();
  std::vector<v1::Alert> alerts;
  if (!all.ok()) return alerts;
  for (const v1::Alert& alert : all->alerts()) {
    if (alert.trigger_id() == trigger_id) alerts.insert(alerts.begin(), alert);
  }
  return alerts;
}

void TriggersFixture::Until(const std::function<bool()>& is_done, absl::Duration patience) const {
  v1::StreamEventsRequest request = LiveOnly();
  *request.mutable_filter() = EveryEvent();
  EventStream stream = client_->StreamEvents(request, patience);
  while (!is_done()) {
    if (!stream.Next().has_value()) {
      ADD_FAILURE() << "what was waited for did not come";
      return;
    }
  }
}

v1::Alert TriggersFixture::Await(const std::string& trigger_id, uint32_t pid) const {
  v1::Alert found;
  Until([&] {
    for (const v1::Alert& alert : AlertsOf({pid})) {
      if (alert.trigger_id() != trigger_id) continue;
      found = alert;
      return true;
    }
    return false;
  });
  return found;
}

void TriggersFixture::AwaitTwoScans() const {
  const absl::Time end = absl::Now() + kTwoScans;
  Until([&] { return absl::Now() > end; });
}

size_t TriggersFixture::CountAfterTwoScans(const std::string& trigger_id, uint32_t pid) const {
  AwaitTwoScans();
  size_t count = 0;
  for (const v1::Alert& alert : AlertsOf({pid})) count += alert.trigger_id() == trigger_id;
  return count;
}

void TriggersFixture::ExpectSoonAfterItsEvent(const v1::Alert& alert) const {
  ASSERT_GE(alert.evidence_size(), 1);
  EXPECT_EQ(alert.evidence(0).monitor(), "procmond");
  EXPECT_GT(alert.evidence(0).sequence(), 0u);
  v1::StreamEventsRequest request = LiveOnly();
  *request.mutable_filter() = EveryEvent();
  request.set_follow(false);
  request.mutable_resume()->set_stream_id(StreamId());
  std::optional<v1::CollectionEvent> shown;
  for (const v1::CollectionEvent& event : client_->StreamEvents(request).Rest()) {
    if (event.origin().stream_id() == alert.evidence(0).stream_id() &&
        event.origin().sequence() == alert.evidence(0).sequence()) {
      shown = event;
    }
  }
  ASSERT_TRUE(shown.has_value()) << "the event behind the alert is not in the log";
  EXPECT_EQ(shown->process().process_key(), alert.process_key());
  const absl::Duration after =
      absl::Nanoseconds(TimeUtil::TimestampToNanoseconds(alert.time()) -
                        TimeUtil::TimestampToNanoseconds(shown->observed_time()));
  EXPECT_LT(after, IsInstrumented() ? 5 * kSoon : kSoon);
}

std::string TriggersFixture::StreamId() const {
  const auto negotiated = client_->Negotiate();
  return negotiated.ok() ? negotiated->stream_id() : "";
}

absl::StatusOr<v1::Trigger> TriggersFixture::Create(const v1::Trigger& trigger) const {
  v1::CreateTriggerRequest request;
  *request.mutable_trigger() = trigger;
  auto response =
      operator_->Call<v1::CreateTriggerResponse>(std::string(kTriggers) + "CreateTrigger", request);
  if (!response.ok()) return response.status();
  return response->trigger();
}

v1::TriggerStatistics TriggersFixture::StatisticsOf(const std::string& id) const {
  v1::GetTriggerStatisticsRequest request;
  request.add_trigger_ids(id);
  const auto response = client_->Call<v1::GetTriggerStatisticsResponse>(
      std::string(kTriggers) + "GetTriggerStatistics", request);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() && response->statistics_size() == 1 ? response->statistics(0)
                                                           : v1::TriggerStatistics();
}

absl::StatusOr<v1::BackTestTriggerResponse> TriggersFixture::BackTest(const v1::Trigger& trigger,
                                                                      absl::Time since) const {
  v1::BackTestTriggerRequest request;
  *request.mutable_trigger() = trigger;
  *request.mutable_since() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(since));
  request.set_max_matches(1000);
  return client_->Call<v1::BackTestTriggerResponse>(std::string(kTriggers) + "BackTestTrigger",
                                                    request);
}

std::string TriggersFixture::Query(const std::string& sql) const {
  const Ended answer =
      RunToEnd({.argv = {kEyectl, "query", "--address=" + gateway_->address(), "--csv", sql}});
  EXPECT_EQ(answer.code, 0) << answer.output;
  const size_t header = answer.output.find('\n');
  return header == std::string::npos ? "" : answer.output.substr(header + 1);
}

}  // namespace daemoneye::testing_support
