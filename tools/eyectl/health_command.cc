#include "tools/eyectl/health_command.h"

#include <fmt/format.h>

#include <memory>

#include "grpc/health/v1/health.grpc.pb.h"
#include "libs/base/status_macros.h"

namespace daemoneye::eyectl {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

std::string StateLine(const HealthCheckResponse& response, const Style& style) {
  const bool serves = response.status() == HealthCheckResponse::SERVING;
  return style.Paint(serves ? Tone::kGood : Tone::kAlarm,
                     HealthCheckResponse::ServingStatus_Name(response.status())) +
         "\n";
}

}  // namespace

void HealthCommand::AddFlags(FlagSet& flags) {
  flags.AddText("service", "NAME",
                "a service's full name, liveness or readiness; default: the server", &service_);
  flags.AddDuration("until_serving", "wait this long for it to serve", &until_serving_);
}

absl::StatusOr<int> HealthCommand::Run(Session& session) {
  return until_serving_ > absl::ZeroDuration() ? AwaitServing(session) : CheckOnce(session);
}

absl::StatusOr<int> HealthCommand::CheckOnce(Session& session) {
  const auto stub = Health::NewStub(session.connection.channel());
  grpc::ClientContext context;
  SetTimeout(context, kUnaryTimeout);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  HealthCheckRequest request;
  request.set_service(service_);
  HealthCheckResponse response;
  RETURN_IF_ERROR(session.connection.ToStatus(stub->Check(&context, request, &response)));
  RETURN_IF_ERROR(session.out.Write(StateLine(response, session.style)));
  return response.status() == HealthCheckResponse::SERVING ? 0 : 1;
}

absl::StatusOr<int> HealthCommand::AwaitServing(Session& session) {
  const auto stub = Health::NewStub(session.connection.channel());
  grpc::ClientContext context;
  SetTimeout(context, until_serving_);
  context.set_wait_for_ready(true);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  HealthCheckRequest request;
  request.set_service(service_);
  const auto reader = stub->Watch(&context, request);
  HealthCheckResponse response;
  bool serves = false;
  while (!serves && reader->Read(&response))
    serves = response.status() == HealthCheckResponse::SERVING;
  context.TryCancel();
  const grpc::Status ended = reader->Finish();
  const bool time_is_over = ended.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  if (!serves && !time_is_over) return session.connection.ToStatus(ended);
  RETURN_IF_ERROR(session.out.Write(StateLine(response, session.style)));
  return serves ? 0 : 1;
}

}  // namespace daemoneye::eyectl
