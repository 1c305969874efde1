// Bytes of the programs' records (programs/wire.h) to structs. Pure; any bytes are safe.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/linux/bpf/task_record.h"

namespace daemoneye::bpf {

// Parses the one record that `bytes` are, into `record`, whose views are of `bytes`. DataLoss: that
// is none.
absl::Status ParseProbeRecord(std::string_view bytes, ProbeRecord& record);

// Parses the record that `bytes` begin with, of a scan; returns how long it is. DataLoss as above.
absl::StatusOr<size_t> ParseTaskRecord(std::string_view bytes, TaskRecord& record);

}  // namespace daemoneye::bpf
