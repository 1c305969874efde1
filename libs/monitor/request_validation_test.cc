#include "libs/monitor/request_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace daemoneye::monitor {
namespace {

using ::testing::StartsWith;

std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

TEST(RequestValidationTest, EmptyRequestsAreFineButForATaskWithoutAType) {
  EXPECT_TRUE(Validate(v1::NegotiateCapabilitiesRequest()).ok());
  EXPECT_TRUE(Validate(v1::StreamEventsRequest()).ok());
  EXPECT_TRUE(Validate(v1::StreamEventBatchesRequest()).ok());
  EXPECT_THAT(Message(Validate(v1::ExecuteTaskRequest())), StartsWith("type: "));
}

TEST(RequestValidationTest, HeartbeatIsWithinItsBounds) {
  const struct {
    int64_t seconds;
    int32_t nanos;
    bool ok;
  } cases[] = {{1, 0, true},           {300, 0, true},        {0, 999'999'999, false},
               {300, 1, false},        {0, 0, false},         {-5, 0, false},
               {1, 500'000'000, true}, {INT64_MAX, 0, false}, {INT64_MIN, INT32_MIN, false}};
  for (const auto& c : cases) {
    v1::StreamEventBatchesRequest request;
    request.mutable_stream()->mutable_heartbeat_interval()->set_seconds(c.seconds);
    request.mutable_stream()->mutable_heartbeat_interval()->set_nanos(c.nanos);
    EXPECT_EQ(Validate(request.stream()).ok(), c.ok) << c.seconds << " " << c.nanos;
    if (!c.ok) {
      EXPECT_THAT(Message(Validate(request)), StartsWith("stream.heartbeat_interval: "));
    }
  }
}

TEST(RequestValidationTest, ErrorsNameTheField) {
  const std::string long_name(129, 'x');
  v1::StreamEventsRequest stream;
  stream.set_client_id(std::string(128, 'x'));
  EXPECT_TRUE(Validate(stream).ok());
  stream.set_client_id(long_name);
  EXPECT_EQ(Message(Validate(stream)), "client_id: 129 bytes, at most 128 are taken");
  stream.clear_client_id();
  stream.mutable_resume()->set_stream_id(long_name);
  EXPECT_THAT(Message(Validate(stream)), StartsWith("resume.stream_id: "));
  stream.clear_resume();
  stream.set_overflow(static_cast<v1::OverflowPolicy>(9));
  EXPECT_THAT(Message(Validate(stream)), StartsWith("overflow: 9 "));

  v1::NegotiateCapabilitiesRequest negotiate;
  negotiate.add_requested_domains(v1::SOURCE_CAP_PROCESS);
  negotiate.add_requested_domains(v1::SOURCE_CAP_REALTIME);
  EXPECT_THAT(Message(Validate(negotiate)), StartsWith("requested_domains[1]: "));
  negotiate.clear_requested_domains();
  negotiate.add_required_caps(v1::SOURCE_CAP_UNSPECIFIED);
  EXPECT_THAT(Message(Validate(negotiate)), StartsWith("required_caps[0]: "));
  negotiate.set_version(long_name);
  EXPECT_THAT(Message(Validate(negotiate)), StartsWith("version: "));

  v1::ExecuteTaskRequest task;
  task.set_type(static_cast<v1::TaskType>(99));
  EXPECT_THAT(Message(Validate(task)), StartsWith("type: 99 "));
  task.set_type(v1::TASK_TYPE_ENUMERATE_PROCESSES);
  EXPECT_TRUE(Validate(task).ok());
  task.add_monitors(long_name);
  EXPECT_THAT(Message(Validate(task)), StartsWith("monitors[0]: "));
  task.set_task_id(long_name);
  EXPECT_THAT(Message(Validate(task)), StartsWith("task_id: "));
}

}  // namespace
}  // namespace daemoneye::monitor
