// MonitorClient: calls one monitor's MonitorService over a channel of its own.
//
// Streams are read as bytes, so that one bad event does not make its neighbours unreadable. A
// client that saw silence is thrown away with its channel: a connection that is dead without saying
// so is never used again.
//
// Threads: blocking, one thread at a time; a stop token ends every wait.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace daemoneye::gateway {

// A server stream, message by message as bytes; reads one message ahead.
class ByteStream {
 public:
  // Starts `method` with one request. `stop` cancels it, and makes a Read under way return
  // Cancelled.
  ByteStream(grpc::GenericStub& stub, const std::string& method, const grpc::ByteBuffer& request,
             std::stop_token stop);
  // Cancels what is under way.
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // The next message; nullopt at a clean end. DeadlineExceeded: none within `timeout`; the stream
  // is then of no more use. Any other error: the stream's status.
  absl::StatusOr<std::optional<grpc::ByteBuffer>> Read(absl::Duration timeout);

 private:
  // Waits for the one operation under way; *ok is its result. False at the deadline.
  bool Await(absl::Time deadline, bool* ok);

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool is_open_ = true;
  bool is_reading_ = false;
  grpc::ByteBuffer next_;  // of the read under way
  std::stop_callback<std::function<void()>> cancel_;
};

class MonitorClient {
 public:
  // Does not connect yet. `target` is what gRPC dials.
  MonitorClient(const std::string& target,
                const std::shared_ptr<grpc::ChannelCredentials>& credentials);

  absl::StatusOr<v1::NegotiateCapabilitiesResponse> Negotiate(
      const v1::NegotiateCapabilitiesRequest& request, absl::Duration timeout,
      std::stop_token stop);

  std::unique_ptr<ByteStream> StreamBatches(const v1::StreamEventBatchesRequest& request,
                                            std::stop_token stop);
  std::unique_ptr<ByteStream> StreamEvents(const v1::StreamEventsRequest& request,
                                           std::stop_token stop);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub generic_;
};

}  // namespace daemoneye::gateway
