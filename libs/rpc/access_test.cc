#include "libs/rpc/access.h"

#include <gtest/gtest.h>

#include <string>

#include "daemoneye/v1/alert_service.pb.h"
#include "daemoneye/v1/analyzer_service.pb.h"
#include "daemoneye/v1/gateway_service.pb.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "daemoneye/v1/workflow_service.pb.h"

namespace daemoneye::rpc {
namespace {

constexpr char kView[] = "/daemoneye.v1.MonitorService/StreamEvents";
constexpr char kOperate[] = "/daemoneye.v1.TriggerService/CreateTrigger";

TEST(AccessTest, EveryMethodOfTheSuiteIsInTheTable) {
  for (const auto* file :
       {v1::GetStatusRequest::descriptor()->file(), v1::ListMonitorsRequest::descriptor()->file(),
        v1::ListTriggersRequest::descriptor()->file(), v1::ListAlertsRequest::descriptor()->file(),
        v1::ListWorkflowsRequest::descriptor()->file(), v1::AnalyzeRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        bool is_found = false;
        for (const MethodAccess& entry : AllMethods()) {
          is_found |= entry.service == file->service(s)->full_name() &&
                      entry.method == file->service(s)->method(m)->name();
        }
        EXPECT_TRUE(is_found) << file->service(s)->method(m)->full_name();
      }
    }
  }
}

TEST(AccessTest, WhatTheTableDoesNotKnowIsForOperators) {
  EXPECT_EQ(RequiredRole(kView), Role::kViewer);
  EXPECT_EQ(RequiredRole("/grpc.health.v1.Health/List"), Role::kViewer);
  for (const char* path :
       {kOperate, "", "/", "/daemoneye.v1.MonitorService/", "/daemoneye.v1.MonitorService/X",
        "daemoneye.v1.MonitorService/StreamEvents", "/daemoneye.v1.MonitorService.StreamEvents"}) {
    EXPECT_EQ(RequiredRole(path), Role::kOperator) << path;
  }
}

TEST(AccessTest, ListenerAndCertificateDecide) {
  const AccessPolicy viewers = {.role = Role::kViewer};
  const AccessPolicy operators = {.role = Role::kOperator};
  const AccessPolicy certificates = {
      .needs_certificate = true, .operators = {"op"}, .viewers = {"eye"}};
  const AccessPolicy any_viewer = {.needs_certificate = true, .operators = {"op"}};
  using absl::StatusCode;
  const struct {
    const AccessPolicy& policy;
    std::vector<std::string> names;
    const char* path;
    StatusCode code;
  } cases[] = {
      {viewers, {}, kView, StatusCode::kOk},
      {viewers, {}, kOperate, StatusCode::kPermissionDenied},
      {operators, {}, kView, StatusCode::kOk},
      {operators, {}, kOperate, StatusCode::kOk},
      {certificates, {}, kView, StatusCode::kUnauthenticated},
      {certificates, {"stranger"}, kView, StatusCode::kPermissionDenied},
      {certificates, {"eye"}, kView, StatusCode::kOk},
      {certificates, {"eye"}, kOperate, StatusCode::kPermissionDenied},
      {certificates, {"x", "op"}, kOperate, StatusCode::kOk},
      {any_viewer, {"stranger"}, kView, StatusCode::kOk},
      {any_viewer, {"stranger"}, kOperate, StatusCode::kPermissionDenied},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(CheckAccess(c.policy, c.names, c.path).code(), c.code)
        << c.path << " " << ::testing::PrintToString(c.names);
  }
}

}  // namespace
}  // namespace daemoneye::rpc
