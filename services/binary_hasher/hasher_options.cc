#include "services/binary_hasher/hasher_options.h"

#include <fmt/format.h>

#include <utility>

#include "libs/base/status_macros.h"
#include "libs/linux/file/allowed_files.h"

namespace daemoneye::hasher {
namespace {

absl::Status Annotate(const absl::Status& status, const char* setting) {
  return {status.code(), fmt::format("{}: {}", setting, std::string(status.message()))};
}

}  // namespace

config::OptionTable HasherOptions() {
  config::OptionTable table;
  table.specs = {
      {.key = "roots",
       .type = config::OptionType::kList,
       .max = 64,
       .default_text = "/usr,/bin,/sbin,/lib,/lib64,/opt",
       .doc = "Directories below which files are hashed by their path; images of processes are "
              "hashed wherever they are.",
       .reloadable = true},
      {.key = "baseline",
       .max = 4095,
       .doc = "The file of what is expected, as sha256sum prints it; read again at every reload. "
              "Empty: nothing is.",
       .reloadable = true},
      {.key = "max_file_size",
       .type = config::OptionType::kBytes,
       .min = 1,
       .max = uint64_t{1} << 40,
       .default_text = "512MiB",
       .doc = "The largest file that is hashed."},
      {.key = "max_hash_time",
       .type = config::OptionType::kDuration,
       .unit = "seconds",
       .min = 1,
       .max = 3600,
       .default_text = "10s",
       .doc = "The longest that reading one file may take."},
      {.key = "cache_entries",
       .type = config::OptionType::kInt,
       .unit = "digests",
       .max = 1'000'000,
       .default_text = "8192",
       .doc = "Digests that are kept of files that have not changed."},
  };
  return table;
}

absl::StatusOr<HashSettings> ReadHashSettings(const config::Config& config) {
  HashSettings settings;
  settings.roots = config.GetList("roots");
  for (const std::string& root : settings.roots) {
    const absl::Status checked = file::AllowedFiles::CheckRoot(root);
    if (!checked.ok()) return Annotate(checked, "roots");
  }
  absl::StatusOr<Baseline> baseline = Baseline::Read(config.GetString("baseline"));
  if (!baseline.ok()) return Annotate(baseline.status(), "baseline");
  settings.baseline = *std::move(baseline);
  return settings;
}

absl::Status CheckHasher(const config::Config& config) { return ReadHashSettings(config).status(); }

}  // namespace daemoneye::hasher
