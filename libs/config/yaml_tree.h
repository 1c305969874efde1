// YamlNode: a YAML document as a small tree, within bounds that a hostile file cannot pass.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace daemoneye::config {

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  int line = 0;                    // from 1; of a mapping's member: its key's
  std::string name;                // of a mapping's member: its key
  std::string text;                // of a scalar
  bool is_plain = false;           // a scalar without quotes
  std::vector<YamlNode> children;  // elements or members, in the file's order
};

inline constexpr size_t kMaxYamlBytes = 1 << 20;
inline constexpr size_t kMaxYamlNodes = 50'000;
inline constexpr size_t kMaxYamlDepth = 16;

// The one document in `text`; a mapping without members for an empty one. InvalidArgument "line N:
// ..." for what is not YAML, or is more than plain data: several documents, anchors and aliases,
// tags, keys that are not text, a key twice in one mapping, a root that is not a mapping,
// and whatever passes the bounds above.
absl::StatusOr<YamlNode> ParseYaml(std::string_view text);

}  // namespace daemoneye::config
