#include "libs/analysis_server/request_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace daemoneye::analysis_server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::NegotiateAnalysisResponse Can() {
  v1::NegotiateAnalysisResponse can;
  can.set_name("test-analyzer");
  can.add_analysis_types(v1::ANALYSIS_TYPE_BINARY_HASH);
  can.add_analysis_types(v1::ANALYSIS_TYPE_CUSTOM);
  can.add_custom_types("mine");
  return can;
}

v1::AnalyzeRequest Good() {
  v1::AnalyzeRequest request;
  request.set_request_id("r");
  request.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
  request.mutable_target()->set_path("/usr/bin/true");
  return request;
}

TEST(RequestCheckTest, TakesWhatTheProtoAllows) {
  EXPECT_TRUE(CheckRequest(Good(), Can()).ok());
  v1::AnalyzeRequest request = Good();
  request.set_priority(v1::TRIGGER_PRIORITY_CRITICAL);
  request.mutable_target()->set_pid(1);
  request.mutable_target()->set_process_key("k");
  request.mutable_context()->set_stage_id(std::string(256, 's'));
  request.set_analysis_type(v1::ANALYSIS_TYPE_CUSTOM);
  request.set_custom_type("mine");
  EXPECT_TRUE(CheckRequest(request, Can()).ok());
}

TEST(RequestCheckTest, NamesTheFieldThatIsWrong) {
  using Request = v1::AnalyzeRequest;
  const struct {
    const char* field;
    std::function<void(Request&)> change;
  } cases[] = {
      {"request_id: ", [](Request& r) { r.set_request_id(std::string(257, 'x')); }},
      {"analysis_type: ", [](Request& r) { r.clear_analysis_type(); }},
      {"custom_type: ", [](Request& r) { r.set_custom_type("mine"); }},
      {"custom_type: ", [](Request& r) { r.set_analysis_type(v1::ANALYSIS_TYPE_CUSTOM); }},
      {"target: ", [](Request& r) { r.clear_target(); }},
      {"target: ", [](Request& r) { r.mutable_target()->clear_path(); }},
      {"target.path: ", [](Request& r) { r.mutable_target()->set_path("usr/bin/true"); }},
      {"target.path: ", [](Request& r) { r.mutable_target()->set_path("/usr/../etc/passwd"); }},
      {"target.path: ", [](Request& r) { r.mutable_target()->set_path("/usr/.."); }},
      {"target.path: ",
       [](Request& r) { r.mutable_target()->set_path(std::string("/usr\0/x", 7)); }},
      {"target.path: ",
       [](Request& r) { r.mutable_target()->set_path("/" + std::string(4'096, 'x')); }},
      {"target.process_key: ",
       [](Request& r) { r.mutable_target()->set_process_key(std::string(513, 'x')); }},
      {"context.stage_id: ",
       [](Request& r) { r.mutable_context()->set_stage_id(std::string(257, 'x')); }},
      {"context.parameters: ",
       [](Request& r) {
         for (int i = 0; i < 33; ++i) {
           (*r.mutable_context()->mutable_parameters())[std::to_string(i)] = "";
         }
       }},
      {"context.parameters: ",
       [](Request& r) {
         (*r.mutable_context()->mutable_parameters())["x"] = std::string(8'192, 'x');
       }},
      {"priority: ", [](Request& r) { r.set_priority(static_cast<v1::TriggerPriority>(77)); }},
  };
  for (const auto& c : cases) {
    v1::AnalyzeRequest request = Good();
    c.change(request);
    const absl::Status status = CheckRequest(request, Can());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), StartsWith(c.field));
  }
}

TEST(RequestCheckTest, ATypeThatItHasNotIsAPreconditionThatNamesWhatItHas) {
  v1::AnalyzeRequest request = Good();
  for (const int type : {static_cast<int>(v1::ANALYSIS_TYPE_YARA_SCAN), 99}) {
    request.set_analysis_type(static_cast<v1::AnalysisType>(type));
    const absl::Status status = CheckRequest(request, Can());
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("it does BINARY_HASH, CUSTOM"));
  }
  request.set_analysis_type(v1::ANALYSIS_TYPE_CUSTOM);
  request.set_custom_type("yours");
  EXPECT_EQ(CheckRequest(request, Can()).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace daemoneye::analysis_server
