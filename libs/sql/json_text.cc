#include "libs/sql/json_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace daemoneye::sql {

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<uint8_t>(c) < 0x20) {
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", static_cast<uint8_t>(c));
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

JsonTextBuilder::JsonTextBuilder(char open, char close, size_t max_bytes, std::string* out)
    : close_(close), max_bytes_(max_bytes), out_(out) {
  out_->assign(1, open);
}

bool JsonTextBuilder::KeepIfFits(size_t size_before) {
  if (out_->size() < max_bytes_) return true;  // one byte is for Close
  out_->resize(size_before);
  return false;
}

bool JsonTextBuilder::Add(std::string_view element) {
  const size_t before = out_->size();
  if (before > 1) out_->push_back(',');
  AppendJsonString(element, out_);
  return KeepIfFits(before);
}

bool JsonTextBuilder::Add(std::string_view key, std::string_view value) {
  const size_t before = out_->size();
  if (before > 1) out_->push_back(',');
  AppendJsonString(key, out_);
  out_->push_back(':');
  AppendJsonString(value, out_);
  return KeepIfFits(before);
}

void JsonTextBuilder::Close() { out_->push_back(close_); }

}  // namespace daemoneye::sql
