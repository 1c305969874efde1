#include "services/collector_gateway/alert_requests.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"

namespace daemoneye::gateway {
namespace {

using ::testing::HasSubstr;

template <typename Request>
std::string ErrorOf(const std::string& text) {
  Request request;
  if (!google::protobuf::TextFormat::ParseFromString(text, &request)) return "does not parse";
  const absl::Status status = Validate(request);
  if (status.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(AlertRequestsTest, FilterFieldsAreNamed) {
  EXPECT_EQ(ErrorOf<v1::StreamAlertsRequest>(R"(filter { minimum_severity: SEVERITY_LOW
      trigger_ids: "t" hosts: "h" since { seconds: 1 } state: ALERT_STATE_OPEN })"),
            "");
  const struct {
    const char* request;
    const char* error;
  } cases[] = {{"filter { minimum_severity: 9 }", "filter.minimum_severity"},
               {"filter { state: 9 }", "filter.state"},
               {"filter { since { nanos: -1 } }", "filter.since"},
               {"filter { until { seconds: 999999999999 } }", "filter.until"}};
  for (const auto& c : cases) {
    EXPECT_THAT(ErrorOf<v1::StreamAlertsRequest>(c.request), HasSubstr(c.error));
    EXPECT_THAT(ErrorOf<v1::ListAlertsRequest>(c.request), HasSubstr(c.error));
  }
  v1::ListAlertsRequest many;
  for (int i = 0; i <= kMaxFilterValues; ++i) many.mutable_filter()->add_hosts("h");
  EXPECT_THAT(std::string(Validate(many).message()), HasSubstr("filter.hosts"));
  v1::ListAlertsRequest large;
  large.mutable_filter()->set_process_key(std::string(5000, 'x'));
  EXPECT_THAT(std::string(Validate(large).message()), HasSubstr("filter.process_key"));
}

TEST(AlertRequestsTest, PagesAreChecked) {
  EXPECT_EQ(ErrorOf<v1::ListAlertsRequest>("page_size: 5000 page_token: '17'"), "");
  EXPECT_THAT(ErrorOf<v1::ListAlertsRequest>("page_size: -1"), HasSubstr("page_size"));
  for (const char* token : {"0", "x", "1x", "-1", " 1", "99999999999999999999"}) {
    EXPECT_THAT(ErrorOf<v1::ListAlertsRequest>(std::string("page_token: '") + token + "'"),
                HasSubstr("page_token"))
        << token;
  }
}

TEST(AlertRequestsTest, AcknowledgementsAreBounded) {
  const std::string id = "id: 'f0000000-0000-4000-8000-000000000001'";
  EXPECT_EQ(ErrorOf<v1::AcknowledgeAlertRequest>(id), "");
  EXPECT_THAT(ErrorOf<v1::AcknowledgeAlertRequest>("id: 'x'"), HasSubstr("id: is no"));
  EXPECT_THAT(
      ErrorOf<v1::AcknowledgeAlertRequest>(id + "comment: '" + std::string(1025, 'x') + "'"),
      HasSubstr("comment"));
  EXPECT_THAT(
      ErrorOf<v1::AcknowledgeAlertRequest>(id + "acknowledged_by: '" + std::string(129, 'x') + "'"),
      HasSubstr("acknowledged_by"));
}

TEST(AlertRequestsTest, DeadLettersAreNamedByASinkOrAnAlert) {
  const std::string id = "alert_id: 'f0000000-0000-4000-8000-000000000001'";
  EXPECT_EQ(ErrorOf<v1::ReplayDeadLettersRequest>(id), "");
  EXPECT_EQ(ErrorOf<v1::ReplayDeadLettersRequest>("sink: 'hook'" + id), "");
  EXPECT_THAT(ErrorOf<v1::ReplayDeadLettersRequest>(""), HasSubstr("sink: want a sink"));
  const std::string long_sink = "sink: '" + std::string(33, 'x') + "'";
  for (const auto& [request, error] : {std::pair<std::string, const char*>{long_sink, "sink: 33"},
                                       {"alert_id: 'x'", "alert_id: is no"}}) {
    EXPECT_THAT(ErrorOf<v1::ReplayDeadLettersRequest>(request), HasSubstr(error));
    EXPECT_THAT(ErrorOf<v1::ListDeadLettersRequest>(request), HasSubstr(error));
  }
  EXPECT_EQ(ErrorOf<v1::ListDeadLettersRequest>(""), "");
  EXPECT_THAT(ErrorOf<v1::ListDeadLettersRequest>("page_size: -1"), HasSubstr("page_size"));
  for (const char* token : {"x", "x/", "/1", "x/0", "x/-1", "x/1/2", "x/9223372036854775808"}) {
    EXPECT_THAT(ErrorOf<v1::ListDeadLettersRequest>(std::string("page_token: '") + token + "'"),
                HasSubstr("page_token"))
        << token;
  }
  v1::DeadLetter last;
  last.set_sink("hook");
  last.mutable_alert()->set_sequence(7);
  const auto position = ParseDeadLetterPageToken(DeadLetterPageToken(last));
  EXPECT_EQ(position->sink, "hook");
  EXPECT_EQ(position->sequence, 7u);
}

}  // namespace
}  // namespace daemoneye::gateway
