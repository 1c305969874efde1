#include "tests/support/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <utility>

#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::testing_support {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

void Prepare(grpc::ClientContext& context, absl::Duration timeout = kPatience) {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout));
  context.set_wait_for_ready(true);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const TlsFiles& files) {
  grpc::SslCredentialsOptions options = {.pem_root_certs = ReadFile(files.ca)};
  if (!files.key.empty()) {
    options.pem_private_key = ReadFile(files.key);
    options.pem_cert_chain = ReadFile(files.certificate);
  }
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> Connect(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  // What one attempt may take: a busy machine takes its time.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  // What a client that does not read takes in all the same is 64 KiB, and does not grow.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 << 10);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

template <typename Response, typename Method, typename Stub, typename Request>
absl::StatusOr<Response> CallUnary(Stub& stub, Method method, const Request& request) {
  grpc::ClientContext context;
  Prepare(context);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return rpc::FromGrpc(status);
  return response;
}

}  // namespace

struct EventStream::Call {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::CollectionEvent>> reader;
  bool is_finished = false;
};

EventStream::EventStream(std::unique_ptr<Call> call) : call_(std::move(call)) {}
EventStream::EventStream(EventStream&&) noexcept = default;

EventStream::~EventStream() {
  if (call_ == nullptr || call_->is_finished) return;
  call_->context.TryCancel();
  Finish().IgnoreError();
}

std::optional<v1::CollectionEvent> EventStream::Next() {
  v1::CollectionEvent event;
  if (!call_->reader->Read(&event)) return std::nullopt;
  return event;
}

std::optional<v1::CollectionEvent> EventStream::Until(
    const std::function<bool(const v1::CollectionEvent&)>& matches) {
  while (std::optional<v1::CollectionEvent> event = Next()) {
    if (matches(*event)) return event;
  }
  ADD_FAILURE() << "the stream ended before what was waited for: " << Finish();
  return std::nullopt;
}

std::vector<v1::CollectionEvent> EventStream::Rest() {
  std::vector<v1::CollectionEvent> events;
  while (std::optional<v1::CollectionEvent> event = Next()) events.push_back(*std::move(event));
  return events;
}

absl::Status EventStream::Finish() {
  v1::CollectionEvent ignored;
  while (call_->reader->Read(&ignored)) {
  }
  call_->is_finished = true;
  return rpc::FromGrpc(call_->reader->Finish());
}

void EventStream::Cancel() { call_->context.TryCancel(); }

struct Client::Stubs {
  explicit Stubs(std::shared_ptr<grpc::Channel> connected)
      : channel(std::move(connected)),
        monitor(channel),
        gateway(channel),
        health(channel),
        reflection(channel) {}

  std::shared_ptr<grpc::Channel> channel;
  v1::MonitorService::Stub monitor;
  v1::GatewayService::Stub gateway;
  grpc::health::v1::Health::Stub health;
  grpc::reflection::v1alpha::ServerReflection::Stub reflection;
};

Client::Client(const std::string& address)
    : stubs_(std::make_unique<Stubs>(Connect(address, grpc::InsecureChannelCredentials()))) {}
Client::Client(const std::string& address, const TlsFiles& files)
    : stubs_(std::make_unique<Stubs>(Connect(address, Credentials(files)))) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

absl::StatusOr<v1::NegotiateCapabilitiesResponse> Client::Negotiate(
    const v1::NegotiateCapabilitiesRequest& request) const {
  using Method = grpc::Status (v1::MonitorService::Stub::*)(grpc::ClientContext*,
                                                            const v1::NegotiateCapabilitiesRequest&,
                                                            v1::NegotiateCapabilitiesResponse*);
  return CallUnary<v1::NegotiateCapabilitiesResponse, Method>(
      stubs_->monitor, &v1::MonitorService::Stub::NegotiateCapabilities, request);
}

absl::StatusOr<v1::GetStatusResponse> Client::GetStatus() const {
  using Method = grpc::Status (v1::MonitorService::Stub::*)(
      grpc::ClientContext*, const v1::GetStatusRequest&, v1::GetStatusResponse*);
  return CallUnary<v1::GetStatusResponse, Method>(
      stubs_->monitor, &v1::MonitorService::Stub::GetStatus, v1::GetStatusRequest());
}

absl::StatusOr<v1::ListMonitorsResponse> Client::ListMonitors() const {
  using Method = grpc::Status (v1::GatewayService::Stub::*)(
      grpc::ClientContext*, const v1::ListMonitorsRequest&, v1::ListMonitorsResponse*);
  return CallUnary<v1::ListMonitorsResponse, Method>(
      stubs_->gateway, &v1::GatewayService::Stub::ListMonitors, v1::ListMonitorsRequest());
}

TaskAnswer Client::ExecuteTask(const v1::ExecuteTaskRequest& request) const {
  grpc::ClientContext context;
  Prepare(context);
  const auto reader = stubs_->monitor.ExecuteTask(&context, request);
  TaskAnswer answer;
  for (v1::ExecuteTaskResponse response; reader->Read(&response);) {
    EXPECT_EQ(response.task_id(), request.task_id());
    EXPECT_FALSE(answer.summary.has_value()) << "something follows the summary";
    if (response.has_record()) answer.records.push_back(response.record());
    if (response.has_summary()) answer.summary = response.summary();
  }
  answer.status = rpc::FromGrpc(reader->Finish());
  return answer;
}

EventStream Client::StreamEvents(const v1::StreamEventsRequest& request,
                                 absl::Duration timeout) const {
  auto call = std::make_unique<EventStream::Call>();
  Prepare(call->context, timeout);
  call->reader = stubs_->monitor.StreamEvents(&call->context, request);
  return EventStream(std::move(call));
}

absl::StatusOr<std::vector<v1::StreamEventBatchesResponse>> Client::StreamEventBatches(
    const v1::StreamEventBatchesRequest& request) const {
  grpc::ClientContext context;
  Prepare(context);
  const auto reader = stubs_->monitor.StreamEventBatches(&context, request);
  std::vector<v1::StreamEventBatchesResponse> batches;
  for (v1::StreamEventBatchesResponse batch; reader->Read(&batch);) batches.push_back(batch);
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return rpc::FromGrpc(status);
  return batches;
}

std::string Client::Health(const std::string& service) const {
  grpc::ClientContext context;
  Prepare(context);
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status = stubs_->health.Check(&context, request, &response);
  if (!status.ok()) return absl::StatusCodeToString(rpc::FromGrpc(status).code());
  return HealthCheckResponse::ServingStatus_Name(response.status());
}

absl::Status Client::AwaitHealth(const std::string& service, const std::string& state) const {
  grpc::ClientContext context;
  Prepare(context);
  HealthCheckRequest request;
  request.set_service(service);
  const auto reader = stubs_->health.Watch(&context, request);
  HealthCheckResponse response;
  while (reader->Read(&response)) {
    if (HealthCheckResponse::ServingStatus_Name(response.status()) != state) continue;
    context.TryCancel();
    reader->Finish();
    return absl::OkStatus();
  }
  return rpc::FromGrpc(reader->Finish());
}

std::string Client::Reflect(const std::string& field, const std::string& value) const {
  grpc::ClientContext context;
  Prepare(context);
  const auto stream = stubs_->reflection.ServerReflectionInfo(&context);
  ServerReflectionRequest request;
  request.GetReflection()->SetString(&request, request.GetDescriptor()->FindFieldByName(field),
                                     value);
  stream->Write(request);
  stream->WritesDone();
  ServerReflectionResponse response;
  const bool is_answered = stream->Read(&response);
  const grpc::Status status = stream->Finish();
  return is_answered ? response.ShortDebugString() : rpc::FromGrpc(status).ToString();
}

absl::Status Client::CallRaw(const std::string& method, const std::string& bytes) const {
  return CallBytes(method, bytes, nullptr);
}

absl::Status Client::Call(const std::string& method, const google::protobuf::MessageLite& request,
                          google::protobuf::MessageLite* response) const {
  std::string answer;
  const absl::Status status = CallBytes(method, request.SerializeAsString(), &answer);
  if (status.ok() && !response->ParseFromString(answer)) {
    return absl::DataLossError("the answer does not parse");
  }
  return status;
}

absl::Status Client::CallBytes(const std::string& method, const std::string& bytes,
                               std::string* answer) const {
  grpc::ClientContext context;
  Prepare(context);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(stubs_->channel);
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (answer != nullptr && status.ok() && response.Dump(&slices).ok()) {
    for (const grpc::Slice& part : slices) {
      answer->append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
  }
  return rpc::FromGrpc(status);
}

v1::StreamEventsRequest SnapshotOnly() {
  v1::StreamEventsRequest request;
  request.set_follow(false);
  return request;
}

v1::StreamEventsRequest LiveOnly() {
  v1::StreamEventsRequest request;
  request.set_include_snapshot(false);
  return request;
}

v1::EventFilter EveryEvent() {
  v1::EventFilter filter;
  filter.add_topics("events.#");
  filter.add_topics("events.process.sample");
  return filter;
}

}  // namespace daemoneye::testing_support
