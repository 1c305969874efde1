#include "libs/sources/process/process_source_config.h"

#include <fmt/format.h>

namespace daemoneye::process {

absl::Status ProcessSourceConfig::Validate() const {
  const auto refuse = [](std::string_view field, std::string_view right) {
    return absl::InvalidArgumentError(fmt::format("{}: must be {}", field, right));
  };
  if (collection_interval < absl::Seconds(5) || collection_interval > absl::Hours(1)) {
    return refuse("collection_interval", "from 5 s to 3600 s");
  }
  if (max_tracked_processes == 0) return refuse("max_tracked_processes", "at least 1");
  if (max_tracked_bytes < (1 << 20)) return refuse("max_tracked_bytes", "at least 1 MiB");
  const bool is_power_of_two = (kernel_ring_bytes & (kernel_ring_bytes - 1)) == 0;
  if (!is_power_of_two || kernel_ring_bytes < 4096 || kernel_ring_bytes > (size_t{1} << 30)) {
    return refuse("kernel_ring_bytes", "a power of two from 4 KiB to 1 GiB");
  }
  if (max_hash_file_bytes == 0) return refuse("max_hash_file_bytes", "at least 1");
  if (max_hash_time <= absl::ZeroDuration()) return refuse("max_hash_time", "longer than 0 s");
  return absl::OkStatus();
}

}  // namespace daemoneye::process
