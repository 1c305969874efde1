// RawUnary: answers a unary call that was registered as raw, so that a request that does not parse
// is INVALID_ARGUMENT (a typed method of gRPC 1.51 answers UNIMPLEMENTED without a word).
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/server_callback.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::rpc {

// Parses a raw request. InvalidArgument names the message that was expected.
absl::Status ParseRequest(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite& request);

// Serialises into one slice.
grpc::ByteBuffer SerialiseResponse(const google::protobuf::MessageLite& response);

// `answer(const Request&, Response&) -> absl::Status` runs at once, on gRPC's thread.
template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* RawUnary(grpc::CallbackServerContext& context,
                                   const grpc::ByteBuffer& request_bytes,
                                   grpc::ByteBuffer& response_bytes, const Answer& answer) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  Request request;
  Response response;
  absl::Status status = ParseRequest(request_bytes, request);
  if (status.ok()) status = answer(request, response);
  if (status.ok()) response_bytes = SerialiseResponse(response);
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace daemoneye::rpc
