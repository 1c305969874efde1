// What a TLS setting names: a file of PEM text.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::rpc {

// The text of the file at `path`, a key or a chain of certificates; empty where `path` is. What is
// in it is gRPC's to judge. InvalidArgument, naming `setting`, when it cannot be read, holds no PEM
// or more than 1 MiB. Blocks on the file.
absl::StatusOr<std::string> ReadPemFile(std::string_view setting, const std::string& path);

}  // namespace daemoneye::rpc
