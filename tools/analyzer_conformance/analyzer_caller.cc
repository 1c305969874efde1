#include "tools/analyzer_conformance/analyzer_caller.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::conformance {
namespace {

using base::MutexLock;
using base::operator+;
using grpc::reflection::v1alpha::ServerReflection;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

// Between two attempts, whatever the analyzer says.
constexpr absl::Duration kMinWait = absl::Milliseconds(10);
constexpr absl::Duration kShortTimeout = absl::Seconds(10);

void SetDeadline(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout));
}

absl::StatusOr<ServerReflectionResponse> Reflect(const std::shared_ptr<grpc::Channel>& channel,
                                                 const ServerReflectionRequest& request) {
  const auto stub = ServerReflection::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, kShortTimeout);
  const auto stream = stub->ServerReflectionInfo(&context);
  stream->Write(request);
  ServerReflectionResponse response;
  const bool is_answered = stream->Read(&response);
  stream->WritesDone();
  ServerReflectionResponse more;
  while (stream->Read(&more)) {
  }
  const grpc::Status ended = stream->Finish();
  if (!is_answered) return rpc::FromGrpc(ended);
  if (response.has_error_response()) {
    return absl::NotFoundError(response.error_response().error_message());
  }
  return response;
}

// A call of a burst; gRPC's until it has ended.
struct Pending {
  grpc::ClientContext context;
  v1::AnalyzeResponse response;
  Answer answer;
};

}  // namespace

AnalyzerCaller::AnalyzerCaller(const std::string& address, absl::Duration patience,
                               base::Clock& clock)
    : clock_(clock), patience_(patience) {
  grpc::ChannelArguments arguments;
  // More than an answer may have, to see that it does not.
  arguments.SetMaxReceiveMessageSize(64 << 20);
  channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  stub_ = v1::AnalyzerService::NewStub(channel_);
}

absl::Status AnalyzerCaller::Connect(absl::Duration timeout) {
  const auto until = std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout);
  return channel_->WaitForConnected(until) ? absl::OkStatus()
                                           : absl::UnavailableError("nobody answers there");
}

absl::StatusOr<v1::NegotiateAnalysisResponse> AnalyzerCaller::Negotiate() {
  grpc::ClientContext context;
  SetDeadline(context, kShortTimeout);
  v1::NegotiateAnalysisRequest request;
  request.set_client_id("analyzer-conformance");
  v1::NegotiateAnalysisResponse response;
  RETURN_IF_ERROR(rpc::FromGrpc(stub_->NegotiateAnalysis(&context, request, &response)));
  return response;
}

Answer AnalyzerCaller::Analyze(const v1::AnalyzeRequest& request, absl::Duration timeout) {
  return std::move(Burst({&request, 1}, timeout)[0]);
}

Answer AnalyzerCaller::AnalyzePatiently(const v1::AnalyzeRequest& request) {
  while (true) {
    Answer answer = Analyze(request);
    const std::optional<absl::Duration> delay = rpc::RetryDelay(answer.status);
    if (!absl::IsResourceExhausted(answer.status) || !delay.has_value()) return answer;
    const absl::Duration wait = std::max(*delay, kMinWait);
    if (wait > patience_) return answer;
    patience_ -= wait;
    const base::Monotonic until = clock_.MonotonicNow() + wait;
    base::Mutex mu;
    base::CondVar never;
    const MutexLock lock(mu);
    while (clock_.MonotonicNow() < until) clock_.WaitUntil(never, mu, until);
  }
}

std::vector<Answer> AnalyzerCaller::Burst(std::span<const v1::AnalyzeRequest> requests,
                                          absl::Duration timeout, absl::Duration cancel_after) {
  base::Mutex mu;
  base::CondVar ended;
  size_t under_way = requests.size();
  std::vector<std::unique_ptr<Pending>> calls;
  for (const v1::AnalyzeRequest& request : requests) {
    Pending& call = *calls.emplace_back(std::make_unique<Pending>());
    SetDeadline(call.context, timeout);
    const base::Monotonic begin = clock_.MonotonicNow();
    stub_->async()->Analyze(
        &call.context, &request, &call.response,
        [this, begin, &call, &mu, &ended, &under_way](const grpc::Status& status) {
          call.answer.status = rpc::FromGrpc(status);
          call.answer.took = base::Elapsed(begin, clock_.MonotonicNow());
          const MutexLock lock(mu);
          --under_way;
          ended.NotifyAll();
        });
  }
  if (cancel_after < timeout) {
    const base::Monotonic until = clock_.MonotonicNow() + cancel_after;
    {
      const MutexLock lock(mu);
      while (under_way > 0 && clock_.MonotonicNow() < until) clock_.WaitUntil(ended, mu, until);
    }
    for (const auto& call : calls) call->context.TryCancel();
  }
  {
    const MutexLock lock(mu);
    while (under_way > 0) ended.Wait(mu);
  }
  std::vector<Answer> answers;
  for (const auto& call : calls) {
    call->answer.result = std::move(*call->response.mutable_result());
    answers.push_back(std::move(call->answer));
  }
  return answers;
}

absl::Status AnalyzerCaller::CallRaw(const std::string& method, const std::string& bytes) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  SetDeadline(context, kShortTimeout);
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  base::Mutex mu;
  base::CondVar ended;
  std::optional<grpc::Status> status;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                 [&](const grpc::Status& result) {
                   const MutexLock lock(mu);
                   status = result;
                   ended.NotifyAll();
                 });
  const MutexLock lock(mu);
  while (!status.has_value()) ended.Wait(mu);
  return rpc::FromGrpc(*status);
}

std::string AnalyzerCaller::Health(const std::string& service) {
  const auto stub = grpc::health::v1::Health::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context, kShortTimeout);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  grpc::health::v1::HealthCheckResponse response;
  const absl::Status status = rpc::FromGrpc(stub->Check(&context, request, &response));
  return status.ok() ? grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status())
                     : absl::StatusCodeToString(status.code());
}

absl::StatusOr<std::vector<std::string>> AnalyzerCaller::ReflectServices() {
  ServerReflectionRequest request;
  request.set_list_services("*");
  ASSIGN_OR_RETURN(const ServerReflectionResponse response, Reflect(channel_, request));
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  return names;
}

absl::Status AnalyzerCaller::ReflectSymbol(const std::string& symbol) {
  ServerReflectionRequest request;
  request.set_file_containing_symbol(symbol);
  ASSIGN_OR_RETURN(const ServerReflectionResponse response, Reflect(channel_, request));
  return response.file_descriptor_response().file_descriptor_proto().empty()
             ? absl::NotFoundError("no file is told")
             : absl::OkStatus();
}

}  // namespace daemoneye::conformance
