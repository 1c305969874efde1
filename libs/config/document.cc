#include "libs/config/document.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iterator>
#include <string_view>

#include "libs/base/status_macros.h"
#include "libs/config/value_text.h"

namespace daemoneye::config {
namespace {

// As JSON has it (RFC 8259, section 6), and not beyond a double.
bool IsJsonNumber(std::string_view text) {
  const auto is_digit = [&](size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  size_t i = text.starts_with('-') ? 1 : 0;
  if (!is_digit(i) || (text[i] == '0' && is_digit(i + 1))) return false;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return false;
  }
  const size_t point = text.find('.');
  return point == std::string_view::npos || is_digit(point + 1);
}

std::string QuoteJson(std::string_view utf8) {
  std::string out = "\"";
  for (const char c : utf8) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Writes both forms side by side. The tree's own bound on depth bounds the recursion.
class DocumentWriter {
 public:
  absl::Status Write(const YamlNode& node) {
    switch (node.kind) {
      case YamlNode::Kind::kNull:
        Both("null");
        break;
      case YamlNode::Kind::kScalar:
        WriteScalar(node);
        break;
      case YamlNode::Kind::kSequence:
        RETURN_IF_ERROR(WriteChildren(node, "[", "]"));
        break;
      case YamlNode::Kind::kMapping:
        RETURN_IF_ERROR(WriteChildren(node, "{", "}"));
        break;
    }
    if (out_.json.size() <= kMaxDocumentBytes && out_.yaml.size() <= kMaxDocumentBytes) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(fmt::format("is longer than {} bytes", kMaxDocumentBytes));
  }

  Document Take() { return std::move(out_); }

 private:
  void Both(std::string_view text) {
    out_.json += text;
    out_.yaml += text;
  }

  void WriteScalar(const YamlNode& node) {
    if (node.is_plain && (node.text == "true" || node.text == "false" || IsJsonNumber(node.text))) {
      Both(node.text);
      return;
    }
    out_.json += QuoteJson(node.text);
    out_.yaml += QuoteYaml(node.text);
  }

  absl::Status WriteChildren(const YamlNode& node, std::string_view open, std::string_view close) {
    Both(open);
    bool is_first = true;
    for (const YamlNode& child : node.children) {
      if (!is_first) Both(", ");
      is_first = false;
      if (node.kind == YamlNode::Kind::kMapping) {
        if (child.name.empty() || child.name.size() > kMaxDocumentKeyBytes) {
          return absl::InvalidArgumentError(fmt::format("line {}: a key must have 1 to {} bytes",
                                                        child.line, kMaxDocumentKeyBytes));
        }
        out_.json += QuoteJson(child.name) + ": ";
        out_.yaml += QuoteYaml(child.name) + ": ";
      }
      RETURN_IF_ERROR(Write(child));
    }
    Both(close);
    return absl::OkStatus();
  }

  Document out_;
};

}  // namespace

absl::StatusOr<Document> MakeDocument(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kSequence && node.kind != YamlNode::Kind::kMapping) {
    return absl::InvalidArgumentError(fmt::format(
        "line {}: wants a sequence or a mapping; leave it out where there is none", node.line));
  }
  DocumentWriter writer;
  RETURN_IF_ERROR(writer.Write(node));
  Document document = writer.Take();
  document.size = node.children.size();
  return document;
}

}  // namespace daemoneye::config
