// Any bytes: what is found is a part of the text, of its form.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libs/linux/cgroup/cgroup_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using daemoneye::cgroup::ParseCgroup;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = ParseCgroup(text);
  if (!found.ok()) {
    if (found.status().code() != absl::StatusCode::kDataLoss) std::abort();
    return 0;
  }
  const bool is_path =
      found->path.starts_with('/') && text.find(found->path) != std::string_view::npos;
  const size_t id_size = found->container_id.size();
  const size_t pod_size = found->pod_uid.size();
  if (!is_path || (id_size != 0 && id_size != 64) ||
      (pod_size != 0 && pod_size != 32 && pod_size != 36)) {
    std::abort();
  }
  return 0;
}
