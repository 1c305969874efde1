#include "libs/alerting/alert_filter.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"

namespace daemoneye::alerting {
namespace {

TEST(AlertFilterTest, IsAndBetweenFieldsAndOrWithin) {
  v1::Alert alert;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(severity: SEVERITY_HIGH trigger_id: "t" host: "h" process_key: "p"
         state: ALERT_STATE_OPEN time { seconds: 100 nanos: 5 })",
      &alert));
  const struct {
    const char* filter;
    bool matches;
  } cases[] = {
      {"", true},
      {"minimum_severity: SEVERITY_HIGH", true},
      {"minimum_severity: SEVERITY_CRITICAL", false},
      {"trigger_ids: ['u', 't']", true},
      {"trigger_ids: 'u'", false},
      {"trigger_ids: 't' hosts: 'g'", false},
      {"hosts: ['g', 'h'] process_key: 'p'", true},
      {"process_key: 'q'", false},
      {"state: ALERT_STATE_OPEN", true},
      {"state: ALERT_STATE_ACKNOWLEDGED", false},
      {"since { seconds: 100 nanos: 5 }", true},
      {"since { seconds: 100 nanos: 6 }", false},
      {"until { seconds: 100 nanos: 5 }", false},
      {"until { seconds: 100 nanos: 6 }", true},
  };
  for (const auto& c : cases) {
    v1::AlertFilter filter;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(c.filter, &filter)) << c.filter;
    EXPECT_EQ(Matches(filter, alert), c.matches) << c.filter;
  }
}

}  // namespace
}  // namespace daemoneye::alerting
