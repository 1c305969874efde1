// The settings of binary-hasher beside those that every server and every analyzer has.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/config/config.h"
#include "services/binary_hasher/hash_analysis.h"

namespace daemoneye::hasher {

// roots, baseline, max_file_size, max_hash_time, cache_entries.
config::OptionTable HasherOptions();

// The roots, and the baseline as its file is now. InvalidArgument and the file's errors name the
// setting.
absl::StatusOr<HashSettings> ReadHashSettings(const config::Config& config);

// Whether they can be read.
absl::Status CheckHasher(const config::Config& config);

}  // namespace daemoneye::hasher
