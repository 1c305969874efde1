#include "services/collector_gateway/trigger_service.h"

#include <memory>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "libs/rpc/caller_name.h"
#include "libs/rpc/raw_unary.h"
#include "libs/rpc/status_conversion.h"
#include "services/collector_gateway/trigger_requests.h"

namespace daemoneye::gateway {
namespace {

constexpr size_t kCallThreads = 2;
constexpr size_t kMaxQueuedCalls = 64;
constexpr size_t kMaxQueuedBackTests = 4;

}  // namespace

TriggerService::TriggerService(TriggerServicePorts ports)
    : ports_(std::move(ports)),
      calls_("trigger-calls", kCallThreads, kMaxQueuedCalls, ports_.clock),
      back_tests_("back-tests", 1, kMaxQueuedBackTests, ports_.clock) {}

TriggerService::~TriggerService() {
  back_tests_.Stop();
  calls_.Stop();
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* TriggerService::OnWorker(
    monitor::WorkerPool& pool, grpc::CallbackServerContext& context,
    const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
    std::function<absl::Status(const Request&, Response&)> answer) {
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  Request parsed;
  if (const absl::Status status = rpc::ParseRequest(request, parsed); !status.ok()) {
    reactor->Finish(rpc::ToGrpc(status));
    return reactor;
  }
  const bool is_accepted =
      pool.Submit([reactor, &response, parsed = std::move(parsed), answer = std::move(answer)] {
        Response out;
        const absl::Status answered = answer(parsed, out);
        if (answered.ok()) response = rpc::SerialiseResponse(out);
        reactor->Finish(rpc::ToGrpc(answered));
      });
  if (!is_accepted) {
    reactor->Finish(rpc::ToGrpc(rpc::WithRetryInfo(
        absl::ResourceExhaustedError("too many calls at once"), absl::Seconds(1))));
  }
  return reactor;
}

void TriggerService::Audit(const std::string& actor, const char* method, const std::string& target,
                           const absl::Status& outcome) {
  if (ports_.audit == nullptr) return;
  const absl::Status kept =
      ports_.audit
          ->Append(
              {.time = ports_.clock.Now(),
               .actor = actor,
               .role = "operator",
               .method = fmt::format("/{}/{}", v1::TriggerService::service_full_name(), method),
               .target = target,
               .outcome = absl::StatusCodeToString(outcome.code()),
               .details = std::string(outcome.message())})
          .status();
  if (!kept.ok()) logging::Warning("audit row not kept", {{"error", kept}});
}

grpc::ServerUnaryReactor* TriggerService::CreateTrigger(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return OnWorker<v1::CreateTriggerRequest, v1::CreateTriggerResponse>(
      calls_, *context, *request, *response,
      [this, actor = rpc::OperatorName(*context)](const auto& in, auto& out) -> absl::Status {
        absl::StatusOr<v1::Trigger> created = ports_.registry.Create(in.trigger());
        Audit(actor, "CreateTrigger", in.trigger().id(), created.status());
        RETURN_IF_ERROR(created.status());
        *out.mutable_trigger() = *std::move(created);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TriggerService::GetTrigger(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return OnWorker<v1::GetTriggerRequest, v1::GetTriggerResponse>(
      calls_, *context, *request, *response, [this](const auto& in, auto& out) -> absl::Status {
        ASSIGN_OR_RETURN(*out.mutable_trigger(), ports_.registry.Get(in.id()));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TriggerService::ListTriggers(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return OnWorker<v1::ListTriggersRequest, v1::ListTriggersResponse>(
      calls_, *context, *request, *response, [this](const auto& in, auto& out) {
        return gateway::ListTriggers(ports_.registry, in, out);
      });
}

grpc::ServerUnaryReactor* TriggerService::UpdateTrigger(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return OnWorker<v1::UpdateTriggerRequest, v1::UpdateTriggerResponse>(
      calls_, *context, *request, *response,
      [this, actor = rpc::OperatorName(*context)](const auto& in, auto& out) {
        const absl::Status updated = gateway::UpdateTrigger(ports_.registry, in, out);
        Audit(actor, "UpdateTrigger", in.trigger().id(), updated);
        return updated;
      });
}

grpc::ServerUnaryReactor* TriggerService::DeleteTrigger(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return OnWorker<v1::DeleteTriggerRequest, v1::DeleteTriggerResponse>(
      calls_, *context, *request, *response,
      [this, actor = rpc::OperatorName(*context)](const auto& in, auto& /*out*/) {
        const absl::Status deleted = ports_.registry.Delete(in.id(), in.etag());
        Audit(actor, "DeleteTrigger", in.id(), deleted);
        return deleted;
      });
}

grpc::ServerUnaryReactor* TriggerService::ValidateTrigger(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return OnWorker<v1::ValidateTriggerRequest, v1::ValidateTriggerResponse>(
      calls_, *context, *request, *response, [this](const auto& in, auto& out) {
        out = ports_.registry.Validate(in.trigger());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TriggerService::BackTestTrigger(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return OnWorker<v1::BackTestTriggerRequest, v1::BackTestTriggerResponse>(
      back_tests_, *context, *request, *response,
      [this, context](const auto& in, auto& out) -> absl::Status {
        if (ports_.events == nullptr) {
          return absl::FailedPreconditionError(
              "nothing is stored here: the gateway has no data_dir");
        }
        const v1::ValidateTriggerResponse valid = ports_.registry.Validate(in.trigger());
        for (const v1::TriggerProblem& problem : valid.problems()) {
          if (problem.field().starts_with("tests")) continue;
          return rpc::InvalidField("trigger." + problem.field(), problem.message());
        }
        RETURN_IF_ERROR(BackTest(
            ports_.engine, *ports_.events, in, [context] { return context->IsCancelled(); }, out));
        const v1::Completeness completeness = ports_.completeness();
        for (const std::string& reason : completeness.reasons()) {
          out.mutable_completeness()->set_complete(false);
          out.mutable_completeness()->add_reasons(reason);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TriggerService::GetTriggerStatistics(grpc::CallbackServerContext* context,
                                                               const grpc::ByteBuffer* request,
                                                               grpc::ByteBuffer* response) {
  return OnWorker<v1::GetTriggerStatisticsRequest, v1::GetTriggerStatisticsResponse>(
      calls_, *context, *request, *response, [this](const auto& in, auto& out) {
        return FillStatistics(ports_.engine, ports_.registry, in, out);
      });
}

}  // namespace daemoneye::gateway
