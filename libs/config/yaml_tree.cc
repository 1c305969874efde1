#include "libs/config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "libs/base/text.h"

namespace daemoneye::config {
namespace {

// Builds the tree from the parser's events; what is not accepted ends the parse by the vendor's own
// exception, which ParseYaml converts.
class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNode TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_document_) Refuse(mark, "a second document");
    has_document_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Add(mark, YamlNode::Kind::kNull, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "aliases are not accepted");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    Refuse(mark, "anchors are not accepted");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckPlain(mark, tag, anchor);
    if (!open_.empty() && open_.back().node->kind == YamlNode::Kind::kMapping &&
        !open_.back().key) {
      TakeKey(mark, value);
      return;
    }
    Add(mark, YamlNode::Kind::kScalar, value)->is_plain = tag == "?";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    CheckPlain(mark, tag, anchor);
    Open(mark, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    CheckPlain(mark, tag, anchor);
    Open(mark, YamlNode::Kind::kMapping);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  // A sequence or mapping whose end has not come. Pointers stay valid: a node's children grow only
  // while it is the innermost one.
  struct OpenNode {
    YamlNode* node;
    std::optional<std::string> key;  // of a mapping: read, its value not yet
    int key_line = 0;
    absl::flat_hash_set<std::string> keys;
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& what) {
    throw YAML::ParserException(mark, what);
  }

  static void CheckPlain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) Refuse(mark, "anchors are not accepted");
    // "?" stands for none, "!" for a quoted scalar.
    if (!tag.empty() && tag != "?" && tag != "!") Refuse(mark, "tags are not accepted");
  }

  void TakeKey(const YAML::Mark& mark, const std::string& key) {
    OpenNode& mapping = open_.back();
    if (!mapping.keys.insert(key).second) {
      Refuse(mark, fmt::format("key '{}' stands twice",
                               base::EscapeForTerminal(base::Utf8Prefix(key, 64))));
    }
    mapping.key = key;
    mapping.key_line = mark.line + 1;
  }

  YamlNode* Add(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& text) {
    if (++count_ > kMaxYamlNodes) Refuse(mark, fmt::format("more than {} values", kMaxYamlNodes));
    YamlNode* node = Place(mark);
    node->kind = kind;
    if (node->line == 0) node->line = mark.line + 1;
    node->text = text;
    return node;
  }

  // Where the next node goes.
  YamlNode* Place(const YAML::Mark& mark) {
    if (open_.empty()) return &root_;
    OpenNode& parent = open_.back();
    if (parent.node->kind == YamlNode::Kind::kSequence) {
      return &parent.node->children.emplace_back();
    }
    if (!parent.key) Refuse(mark, "a key must be a text");
    YamlNode* node = &parent.node->children.emplace_back();
    node->name = *std::move(parent.key);
    parent.key.reset();
    node->line = parent.key_line;
    return node;
  }

  void Open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (open_.size() >= kMaxYamlDepth) {
      Refuse(mark, fmt::format("nested deeper than {}", kMaxYamlDepth));
    }
    YamlNode* node = Add(mark, kind, "");
    open_.push_back({.node = node});
  }

  YamlNode root_;
  std::vector<OpenNode> open_;
  size_t count_ = 0;
  bool has_document_ = false;
};

}  // namespace

absl::StatusOr<YamlNode> ParseYaml(std::string_view text) {
  if (text.size() > kMaxYamlBytes) {
    return absl::InvalidArgumentError(fmt::format("longer than {} bytes", kMaxYamlBytes));
  }
  if (!base::IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("not UTF-8 text");
  }
  // The vendor takes a quote that is never closed when a line's end is the last thing it sees.
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
  }
  TreeBuilder builder;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(
        fmt::format("line {}: {}", e.mark.line + 1, base::EscapeForTerminal(e.msg)));
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(
        fmt::format("not YAML: {}", base::EscapeForTerminal(e.what())));
  }
  YamlNode root = builder.TakeRoot();
  if (root.kind == YamlNode::Kind::kNull) root.kind = YamlNode::Kind::kMapping;
  if (root.kind != YamlNode::Kind::kMapping) {
    return absl::InvalidArgumentError(fmt::format("line {}: not `name: value` lines", root.line));
  }
  return root;
}

}  // namespace daemoneye::config
