#include "libs/config/environment_parser.h"

#include <fmt/format.h>

#include <optional>

#include "absl/container/flat_hash_map.h"
#include "libs/base/text.h"
#include "libs/config/nearest_name.h"

namespace daemoneye::config {

bool IsSetByKubernetes(std::string_view variable) {
  return variable.ends_with("_SERVICE_HOST") ||
         variable.find("_SERVICE_PORT") != std::string_view::npos || variable.ends_with("_PORT") ||
         variable.find("_PORT_") != std::string_view::npos;
}

void ParseEnvironment(const std::vector<std::string>& environment, LayerValues& out) {
  std::vector<std::string> variables;
  absl::flat_hash_map<std::string, size_t> by_variable;
  for (const std::string& name : out.index().names()) {
    variables.push_back(VariableName(name));
    by_variable[variables.back()] = *out.index().Find(name);
  }

  for (const std::string& entry : environment) {
    if (!entry.starts_with("DAEMONEYE_")) continue;
    const size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    const std::string variable = entry.substr(0, equals);
    const auto known = by_variable.find(variable);
    if (known == by_variable.end()) {
      if (IsSetByKubernetes(variable)) continue;
      out.AddError(fmt::format("unknown environment variable {}{}",
                               base::EscapeForTerminal(base::Utf8Prefix(variable, 64)),
                               DidYouMean(variable, variables)));
      continue;
    }
    const OptionSpec& spec = out.table().specs[known->second];
    if (spec.flag_only) {
      out.AddError(
          fmt::format("{}: can be given as the flag --{} only", variable, spec.flag_name()));
      continue;
    }
    if (spec.file_only()) {
      out.AddError(fmt::format("{}: can only be set in the file", variable));
      continue;
    }
    out.Set(known->second, variable, variable,
            ParseValue(spec, std::string_view(entry).substr(equals + 1)));
  }
}

}  // namespace daemoneye::config
