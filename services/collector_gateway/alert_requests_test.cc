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

}  // namespace
}  // namespace daemoneye::gateway
