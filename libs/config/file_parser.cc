#include "libs/config/file_parser.h"

#include <fmt/format.h>

#include <optional>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/document.h"
#include "libs/config/nearest_name.h"
#include "libs/config/yaml_tree.h"

namespace daemoneye::config {
namespace {

absl::StatusOr<std::string> ScalarText(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar) return node.text;
  if (node.kind == YamlNode::Kind::kNull) {
    return absl::InvalidArgumentError("has no value; write \"\" for an empty text");
  }
  return absl::InvalidArgumentError(
      fmt::format("line {}: wants one value, not a {}", node.line,
                  node.kind == YamlNode::Kind::kSequence ? "sequence" : "mapping"));
}

absl::StatusOr<OptionValue> ValueOf(const OptionSpec& spec, const YamlNode& node) {
  OptionValue value;
  if (spec.type == OptionType::kDocument) {
    ASSIGN_OR_RETURN(value, MakeDocument(node));
  } else if (spec.type == OptionType::kList && node.kind == YamlNode::Kind::kSequence) {
    StringList list;
    for (const YamlNode& element : node.children) {
      ASSIGN_OR_RETURN(std::string text, ScalarText(element));
      list.push_back(std::move(text));
    }
    value = std::move(list);
  } else if (spec.type == OptionType::kMap && node.kind == YamlNode::Kind::kMapping) {
    StringMap map;
    for (const YamlNode& member : node.children) {
      ASSIGN_OR_RETURN(std::string text, ScalarText(member));
      map.emplace(member.name, std::move(text));
    }
    value = std::move(map);
  } else {
    ASSIGN_OR_RETURN(const std::string text, ScalarText(node));
    return ParseValue(spec, text);
  }
  RETURN_IF_ERROR(CheckValue(spec, value));
  return value;
}

class FileReading {
 public:
  FileReading(const std::string& path, LayerValues& out)
      : path_(base::EscapeForTerminal(path)), out_(out) {}

  // `prefix` is "" or the section's name and "_". The tree's own bound on depth bounds this.
  void ReadMapping(const std::string& prefix, const YamlNode& mapping) {
    for (const YamlNode& node : mapping.children) {
      const std::string name = prefix + NormalName(node.name);
      const std::string where = fmt::format("{}:{}", path_, node.line);
      if (const std::optional<size_t> known = out_.index().Find(name)) {
        ReadSetting(*known, name, where, node);
      } else if (node.kind == YamlNode::Kind::kMapping && out_.index().HasSection(name)) {
        ReadMapping(name + "_", node);
      } else {
        out_.AddError(fmt::format("{}: unknown key {}{}", where,
                                  base::EscapeForTerminal(base::Utf8Prefix(name, 64)),
                                  DidYouMean(name, out_.index().names())));
      }
    }
  }

 private:
  void ReadSetting(size_t known, const std::string& name, const std::string& where,
                   const YamlNode& node) {
    const OptionSpec& spec = out_.table().specs[known];
    if (spec.flag_only || spec.not_in_file) {
      out_.AddError(fmt::format("{}: {} cannot be set in a file; give the flag --{}", where, name,
                                spec.flag_name()));
      return;
    }
    out_.Set(known, fmt::format("{}: {}", where, name), where, ValueOf(spec, node));
  }

  const std::string path_;
  LayerValues& out_;
};

}  // namespace

void ParseFile(const std::string& path, std::string_view text, LayerValues& out) {
  const absl::StatusOr<YamlNode> root = ParseYaml(text);
  if (!root.ok()) {
    out.AddError(
        fmt::format("{}: {}", base::EscapeForTerminal(path), std::string(root.status().message())));
    return;
  }
  FileReading(path, out).ReadMapping("", *root);
}

}  // namespace daemoneye::config
