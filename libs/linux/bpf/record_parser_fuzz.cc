// Any bytes: views are of them, or it is DataLoss.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/linux/bpf/record_parser.h"

namespace {

bool IsWithin(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool IsWithin(const daemoneye::bpf::TaskRecord& task, std::string_view whole) {
  return IsWithin(task.comm, whole) && IsWithin(task.executable, whole) &&
         IsWithin(task.directory, whole) && IsWithin(task.arguments, whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daemoneye::bpf;  // NOLINT: the one user of the room here
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ProbeRecord record;
  const absl::Status status = ParseProbeRecord(bytes, record);
  if (status.ok() ? !IsWithin(record.task, bytes) || !IsWithin(record.filename, bytes)
                  : !absl::IsDataLoss(status)) {
    std::abort();
  }
  std::string_view left = bytes;
  while (!left.empty()) {
    TaskRecord task;
    const auto length = ParseTaskRecord(left, task);
    if (!length.ok()) break;
    if (*length == 0 || *length > left.size() || !IsWithin(task, left)) std::abort();
    left.remove_prefix(*length);
  }
  return 0;
}
