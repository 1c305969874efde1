// Document: a part of a configuration file that is handed over whole, such as a list of triggers.
//
// What it means is its reader's business; this room knows only that it is plain data. Scalars
// without quotes that look like JSON's true, false, null or numbers are those in `json`, all others
// are texts.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "libs/config/yaml_tree.h"

namespace daemoneye::config {

struct Document {
  // A JSON array or object on one line; empty where the setting is not given.
  std::string json;
  // The same as YAML on one line, safe to print.
  std::string yaml;
  // Elements or members of its root.
  size_t size = 0;

  friend bool operator==(const Document& a, const Document& b) { return a.json == b.json; }
};

// No document's texts are longer, and no key of it.
inline constexpr size_t kMaxDocumentBytes = 512 << 10;
inline constexpr size_t kMaxDocumentKeyBytes = 256;

// InvalidArgument: neither a sequence nor a mapping, too long, or a key that is empty or too long.
absl::StatusOr<Document> MakeDocument(const YamlNode& node);

}  // namespace daemoneye::config
