// RawStreamReactor: the StreamPort over a gRPC server stream whose messages are serialised already.
//
// For methods registered as raw (WithRawCallbackMethod_*): one serialised event is then shared by
// every subscriber, and a request that does not parse is answered INVALID_ARGUMENT (a typed method
// of gRPC 1.51 answers UNIMPLEMENTED without a word).
//
// Threads:    as StreamPort; gRPC calls the reactions from its own threads.
// Ownership:  destroys itself when the call is done; until then it holds its handler.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "absl/status/status.h"
#include "libs/rpc/stream_port.h"

namespace daemoneye::rpc {

// The message of a payload: pieces of kSharedPieceBytes and more are shared with their owner,
// smaller ones are copied together.
inline constexpr size_t kSharedPieceBytes = 4096;
grpc::ByteBuffer ToByteBuffer(const Payload& payload);

class RawStreamReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                               public StreamPort {
 public:
  // A reactor for this call, to be returned to gRPC. Calls handler->OnStart.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(grpc::CallbackServerContext& context,
                                                           std::shared_ptr<StreamHandler> handler);
  // One that ends the call at once.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Reject(const absl::Status& status);

  void Write(const Payload& payload) override;
  // Also grpc::ServerWriteReactor's, by another argument.
  void Finish(const absl::Status& status) override;
  void Abort() override;

 private:
  RawStreamReactor(grpc::CallbackServerContext* context, std::shared_ptr<StreamHandler> handler)
      : context_(context), handler_(std::move(handler)) {}

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  grpc::CallbackServerContext* const context_;  // null: rejected
  const std::shared_ptr<StreamHandler> handler_;
  grpc::ByteBuffer message_;  // of the write that is outstanding
};

}  // namespace daemoneye::rpc
