#include "libs/config/options_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "libs/config/name_index.h"
#include "libs/config/option_spec.h"
#include "libs/config/option_value.h"

namespace daemoneye::config {
namespace {

std::string_view TypeName(OptionType type) {
  switch (type) {
    case OptionType::kBool:
      return "boolean";
    case OptionType::kInt:
      return "integer";
    case OptionType::kDouble:
      return "number";
    case OptionType::kBytes:
      return "bytes";
    case OptionType::kDuration:
      return "duration";
    case OptionType::kString:
      return "text";
    case OptionType::kList:
      return "list";
    case OptionType::kMap:
      return "map";
    case OptionType::kEnum:
      return "choice";
    case OptionType::kDocument:
      return "document";
  }
  return "";
}

std::string FlagForm(const OptionSpec& spec) {
  if (spec.type == OptionType::kBool) {
    return spec.default_text == "true" ? fmt::format("--[no]{}", spec.flag_name())
                                       : fmt::format("--{}", spec.flag_name());
  }
  return fmt::format("--{}={}", spec.flag_name(),
                     spec.type == OptionType::kMap ? "k=v,..." : TypeName(spec.type));
}

std::string EscapeCell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string HelpText(const OptionTable& table) {
  std::string out = fmt::format(
      "usage: {} [--flag=value ...]\n\n"
      "Each flag is also DAEMONEYE_<FLAG> in the environment and `flag: value` in the file that\n"
      "--config names (default /etc/daemoneye/{}.yaml): flags > environment > file > defaults.\n\n",
      table.component, table.component);
  for (const OptionSpec& spec : table.specs) {
    if (spec.file_only()) continue;
    std::string facts = DescribeBounds(spec);
    if (!spec.default_text.empty() && !spec.flag_only) {
      facts += fmt::format("{}default {}", facts.empty() ? "" : "; ", spec.default_text);
    }
    fmt::format_to(std::back_inserter(out), "  {}\n      {}{}\n", FlagForm(spec), spec.doc,
                   facts.empty() ? "" : fmt::format(" ({})", facts));
  }
  const auto is_document = [](const OptionSpec& spec) { return spec.file_only(); };
  if (std::ranges::any_of(table.specs, is_document)) out += "\nOnly in the file:\n\n";
  for (const OptionSpec& spec : table.specs) {
    if (!spec.file_only()) continue;
    fmt::format_to(std::back_inserter(out), "  {}:\n      {}\n", spec.key, spec.doc);
  }
  return out;
}

std::string OptionsMarkdown(const OptionTable& table) {
  std::string out =
      "| key | flag | environment | type | bounds | default | reload | meaning |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const OptionSpec& spec : table.specs) {
    fmt::format_to(
        std::back_inserter(out), "| `{}` | {} | {} | {} | {} | {} | {} | {} |\n", spec.key,
        spec.file_only() ? "" : fmt::format("`--{}`", spec.flag_name()),
        spec.flag_only || spec.file_only() ? ""
                                           : fmt::format("`{}`", VariableName(spec.flag_name())),
        TypeName(spec.type), EscapeCell(DescribeBounds(spec)),
        spec.default_text.empty() ? "" : fmt::format("`{}`", EscapeCell(spec.default_text)),
        spec.reloadable ? "yes" : "", EscapeCell(spec.doc));
  }
  return out;
}

}  // namespace daemoneye::config
