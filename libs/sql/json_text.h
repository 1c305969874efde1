// JSON texts for SQL cells: strings as JSON, built within a byte bound.
#pragma once

#include <string>
#include <string_view>

namespace daemoneye::sql {

// Appends `text` (UTF-8) as a JSON string (RFC 8259), quotes included.
void AppendJsonString(std::string_view text, std::string* out);

// Builds an array or object of texts that never grows beyond its bound: elements that no longer fit
// are left out, and what is there stays valid JSON.
class JsonTextBuilder {
 public:
  // `out` is cleared and outlives the builder.
  JsonTextBuilder(char open, char close, size_t max_bytes, std::string* out);

  // False, with nothing appended, when the element does not fit: the caller ends there.
  bool Add(std::string_view element);
  bool Add(std::string_view key, std::string_view value);
  void Close();

 private:
  bool KeepIfFits(size_t size_before);

  const char close_;
  const size_t max_bytes_;
  std::string* const out_;
};

}  // namespace daemoneye::sql
