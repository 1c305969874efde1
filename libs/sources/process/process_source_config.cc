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
  if (max_hash_file_bytes == 0) return refuse("max_hash_file_bytes", "at least 1");
  if (max_hash_time <= absl::ZeroDuration()) return refuse("max_hash_time", "longer than 0 s");
  return absl::OkStatus();
}

}  // namespace daemoneye::process
