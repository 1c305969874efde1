#include "libs/rpc/raw_unary.h"

#include <fmt/format.h>
#include <grpcpp/support/slice.h>

namespace daemoneye::rpc {

absl::Status ParseRequest(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite& request) {
  grpc::ByteBuffer bytes(buffer);  // a reference: the reader wants one it may change
  grpc::ProtoBufferReader reader(&bytes);
  if (bytes.Valid() && request.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("the request is no {}", request.GetTypeName()));
}

grpc::ByteBuffer SerialiseResponse(const google::protobuf::MessageLite& response) {
  const grpc::Slice slice(response.SerializeAsString());
  return {&slice, 1};
}

}  // namespace daemoneye::rpc
