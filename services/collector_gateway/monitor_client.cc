#include "services/collector_gateway/monitor_client.h"

#include <utility>

#include "absl/time/clock.h"
#include "grpcpp/support/proto_buffer_writer.h"

namespace daemoneye::gateway {
namespace {

void* const kTag = reinterpret_cast<void*>(1);

absl::Status ToAbsl(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ChannelArguments LinkArguments() {
  grpc::ChannelArguments args;
  // No connection shared with an earlier link: see the header.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);  // the connect attempt's own deadline
  return args;
}

}  // namespace

ByteStream::ByteStream(grpc::GenericStub& stub, const std::string& method,
                       const grpc::ByteBuffer& request, std::stop_token stop)
    : call_(stub.PrepareCall(&context_, method, &queue_)),
      cancel_(std::move(stop), [this] { context_.TryCancel(); }) {
  bool ok = false;
  call_->StartCall(kTag);
  Await(absl::InfiniteFuture(), &ok);
  if (!ok) return;
  call_->WriteLast(request, grpc::WriteOptions(), kTag);
  Await(absl::InfiniteFuture(), &ok);
}

ByteStream::~ByteStream() {
  context_.TryCancel();
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool ByteStream::Await(absl::Time deadline, bool* ok) {
  void* tag;
  return queue_.AsyncNext(&tag, ok, absl::ToChronoTime(deadline)) ==
         grpc::CompletionQueue::GOT_EVENT;
}

absl::StatusOr<std::optional<grpc::ByteBuffer>> ByteStream::Read(absl::Duration timeout) {
  if (!is_open_) return absl::FailedPreconditionError("the stream has ended");
  const absl::Time deadline = absl::Now() + timeout;
  bool ok = false;
  if (!is_reading_) call_->Read(&next_, kTag);
  is_reading_ = true;
  if (!Await(deadline, &ok)) {
    is_open_ = false;
    context_.TryCancel();
    Await(absl::InfiniteFuture(), &ok);  // the read writes to next_ until it ends
    return absl::DeadlineExceededError("nothing received for " + absl::FormatDuration(timeout) +
                                       ": the connection is taken for dead");
  }
  if (ok) {
    grpc::ByteBuffer message;
    message.Swap(&next_);
    // The next one arrives while the caller works on this one.
    call_->Read(&next_, kTag);
    return message;
  }
  is_open_ = false;
  grpc::Status status;
  call_->Finish(&status, kTag);
  Await(absl::InfiniteFuture(), &ok);
  if (!status.ok()) return ToAbsl(status);
  return std::nullopt;
}

MonitorClient::MonitorClient(const std::string& target,
                             const std::shared_ptr<grpc::ChannelCredentials>& credentials)
    : channel_(grpc::CreateCustomChannel(target, credentials, LinkArguments())),
      generic_(channel_) {}

absl::StatusOr<v1::NegotiateCapabilitiesResponse> MonitorClient::Negotiate(
    const v1::NegotiateCapabilitiesRequest& request, absl::Duration timeout, std::stop_token stop) {
  grpc::ClientContext context;
  const std::stop_callback cancel(std::move(stop), [&context] { context.TryCancel(); });
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  v1::NegotiateCapabilitiesResponse response;
  const grpc::Status status =
      v1::MonitorService::NewStub(channel_)->NegotiateCapabilities(&context, request, &response);
  if (!status.ok()) return ToAbsl(status);
  return response;
}

std::unique_ptr<ByteStream> MonitorClient::StreamBatches(
    const v1::StreamEventBatchesRequest& request, std::stop_token stop) {
  return std::make_unique<ByteStream>(generic_, "/daemoneye.v1.MonitorService/StreamEventBatches",
                                      Serialize(request), std::move(stop));
}

std::unique_ptr<ByteStream> MonitorClient::StreamEvents(const v1::StreamEventsRequest& request,
                                                        std::stop_token stop) {
  return std::make_unique<ByteStream>(generic_, "/daemoneye.v1.MonitorService/StreamEvents",
                                      Serialize(request), std::move(stop));
}

}  // namespace daemoneye::gateway
