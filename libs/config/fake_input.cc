#include "libs/config/fake_input.h"

#include "absl/status/status.h"

namespace daemoneye::config {

OptionTable EveryTypeTable() {
  OptionTable table;
  table.component = "demo";
  table.specs = {
      {.key = "collection_interval",
       .flag = "interval",
       .other_names = {"period"},
       .type = OptionType::kDuration,
       .unit = "seconds",
       .min = 5,
       .max = 3600,
       .default_text = "30s",
       .doc = "Time between scans."},
      {.key = "count",
       .type = OptionType::kInt,
       .unit = "events",
       .max = 10,
       .default_text = "1",
       .doc = "A count.",
       .reloadable = true},
      {.key = "ratio",
       .type = OptionType::kDouble,
       .max = 1,
       .default_text = "0.5",
       .doc = "A | b."},
      {.key = "size",
       .type = OptionType::kBytes,
       .min = 1 << 10,
       .max = 1 << 30,
       .default_text = "16MiB",
       .doc = "A size."},
      {.key = "name", .max = 8, .default_text = "x", .doc = "A name."},
      {.key = "items",
       .type = OptionType::kList,
       .max = 3,
       .choices = {"a", "b", "c"},
       .default_text = "a",
       .doc = "Items.",
       .reloadable = true},
      {.key = "tags", .type = OptionType::kMap, .max = 2, .doc = "Tags.", .reloadable = true},
      {.key = "mode",
       .type = OptionType::kEnum,
       .choices = {"fast", "slow"},
       .default_text = "fast",
       .doc = "A mode."},
      {.key = "turbo", .type = OptionType::kBool, .default_text = "false", .doc = "Turbo."},
      {.key = "node_name", .doc = "Begins with no, but negates nothing."},
      {.key = "tls_cert", .doc = "A file."},
      {.key = "tls_key", .doc = "A file."},
      {.key = "password", .max = 8, .doc = "A secret.", .reloadable = true, .secret = true},
      {.key = "rules",
       .type = OptionType::kDocument,
       .max = 4,
       .doc = "A document.",
       .reloadable = true},
      {.key = "config",
       .default_text = "/etc/daemoneye/demo.yaml",
       .doc = "The file.",
       .not_in_file = true},
      {.key = "check",
       .type = OptionType::kBool,
       .default_text = "false",
       .doc = "An action.",
       .flag_only = true},
  };
  return table;
}

ConfigInput FakeInput(std::vector<std::string> args, std::vector<std::string> environment,
                      std::map<std::string, std::string> files) {
  auto read = [files = std::move(files)](const std::string& path,
                                         size_t) -> absl::StatusOr<std::string> {
    const auto file = files.find(path);
    if (file == files.end()) return absl::NotFoundError(path + ": no such file");
    return file->second;
  };
  return {std::move(args), std::move(environment), read};
}

}  // namespace daemoneye::config
