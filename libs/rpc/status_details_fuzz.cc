// Any bytes as the details of a status that a peer sent.
#include <cstdint>
#include <string>

#include "libs/rpc/status_conversion.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const grpc::Status status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full",
                            std::string(reinterpret_cast<const char*>(data), size));
  const absl::Status converted = daemoneye::rpc::FromGrpc(status);
  daemoneye::rpc::RetryDelay(converted);
  daemoneye::rpc::ToGrpc(converted);
  return 0;
}
