#include "libs/logging/line_format.h"

#include <cmath>
#include <iterator>
#include <string>

#include "libs/base/text.h"

namespace daemoneye::logging {
namespace {

constexpr size_t kMaxTextBytes = 1024;
// What the end of a line needs: `truncated` and the closing braces.
constexpr size_t kReservedBytes = 64;

void Append(LineBuffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

std::string Cut(std::string_view text) {
  if (text.size() <= kMaxTextBytes) return std::string(text);
  return std::string(base::Utf8Prefix(text, kMaxTextBytes)) + "...";
}

// 2026-01-02T03:04:05.678Z
void AppendTime(absl::Time time, LineBuffer& out) {
  Append(out, absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone()));
}

bool NeedsQuotes(std::string_view text) {
  return text.empty() || text.find_first_of(" =\"\\") != std::string_view::npos;
}

void AppendQuotable(std::string_view text, LineBuffer& out) {
  const std::string safe = base::EscapeForTerminal(Cut(text));
  if (!NeedsQuotes(safe)) {
    Append(out, safe);
    return;
  }
  out.push_back('"');
  for (const char c : safe) {
    if (c == '"') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// The length of the UTF-8 sequence that `lead` begins.
size_t SequenceLength(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// One well-formed sequence that EscapeForTerminal would not print as it is.
void AppendJsonEscape(std::string_view sequence, LineBuffer& out) {
  uint32_t code = static_cast<uint8_t>(sequence[0]);
  if (sequence.size() > 1) {
    code &= 0xFFu >> (sequence.size() + 1);
    for (const char c : sequence.substr(1)) code = (code << 6) | (static_cast<uint8_t>(c) & 0x3F);
  }
  if (code >= 0x10000) {
    code -= 0x10000;
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", 0xD800 + (code >> 10));
    code = 0xDC00 + (code & 0x3FF);
  }
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
}

void AppendJsonString(std::string_view text, LineBuffer& out) {
  const std::string cut = Cut(text);
  const std::string valid = base::IsUtf8(cut) ? cut : base::EscapeBytes(cut);
  out.push_back('"');
  for (size_t i = 0; i < valid.size();) {
    const std::string_view sequence = std::string_view(valid).substr(i, SequenceLength(valid[i]));
    if (sequence == "\"" || sequence == "\\") {
      out.push_back('\\');
      Append(out, sequence);
    } else if (base::EscapeForTerminal(sequence) == sequence) {
      Append(out, sequence);
    } else {
      AppendJsonEscape(sequence, out);
    }
    i += sequence.size();
  }
  out.push_back('"');
}

std::string StatusText(const absl::Status& status) {
  return status.ToString(absl::StatusToStringMode::kWithNoExtraData);
}

struct TextValue {
  LineBuffer& out;
  void operator()(bool v) const { Append(out, v ? "true" : "false"); }
  void operator()(int64_t v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
  void operator()(uint64_t v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
  void operator()(double v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
  void operator()(std::string_view v) const { AppendQuotable(v, out); }
  void operator()(absl::Duration v) const { Append(out, absl::FormatDuration(v)); }
  void operator()(const absl::Status* v) const { AppendQuotable(StatusText(*v), out); }
};

struct JsonValue {
  LineBuffer& out;
  void operator()(double v) const {
    // JSON has no infinities.
    if (std::isfinite(v)) {
      TextValue{out}(v);
    } else {
      fmt::format_to(std::back_inserter(out), "\"{}\"", v);
    }
  }
  void operator()(std::string_view v) const { AppendJsonString(v, out); }
  void operator()(absl::Duration v) const { AppendJsonString(absl::FormatDuration(v), out); }
  void operator()(const absl::Status* v) const { AppendJsonString(StatusText(*v), out); }
  void operator()(auto v) const { TextValue{out}(v); }
};

// Appends `write`'s output, unless the line would become too long.
template <typename Write>
bool AppendIfRoom(LineBuffer& out, Write write) {
  LineBuffer piece;
  write(piece);
  if (out.size() + piece.size() + kReservedBytes > kMaxLineBytes) return false;
  out.append(piece.data(), piece.data() + piece.size());
  return true;
}

}  // namespace

void AppendText(const Record& record, LineBuffer& out) {
  AppendTime(record.time, out);
  std::string level(LevelName(record.level));
  for (char& c : level) c = static_cast<char>(c - 'a' + 'A');
  fmt::format_to(std::back_inserter(out), " {} {}: ", level,
                 base::EscapeForTerminal(Cut(record.component)));
  bool is_whole = AppendIfRoom(
      out, [&](LineBuffer& piece) { Append(piece, base::EscapeForTerminal(Cut(record.message))); });
  for (const Field& field : record.fields) {
    is_whole &= AppendIfRoom(out, [&](LineBuffer& piece) {
      piece.push_back(' ');
      AppendQuotable(field.key, piece);
      piece.push_back('=');
      std::visit(TextValue{piece}, field.value);
    });
  }
  if (!is_whole) Append(out, " truncated=true");
}

void AppendJson(const Record& record, LineBuffer& out) {
  Append(out, "{\"time\":\"");
  AppendTime(record.time, out);
  fmt::format_to(std::back_inserter(out),
                 "\",\"level\":\"{}\",\"component\":", LevelName(record.level));
  AppendJsonString(record.component, out);
  Append(out, ",\"msg\":");
  bool is_whole =
      AppendIfRoom(out, [&](LineBuffer& piece) { AppendJsonString(record.message, piece); });
  if (!is_whole) Append(out, "\"\"");
  Append(out, ",\"fields\":{");
  bool is_first = true;
  for (const Field& field : record.fields) {
    const bool is_added = AppendIfRoom(out, [&](LineBuffer& piece) {
      if (!is_first) piece.push_back(',');
      AppendJsonString(field.key, piece);
      piece.push_back(':');
      std::visit(JsonValue{piece}, field.value);
    });
    if (is_added) is_first = false;
    is_whole &= is_added;
  }
  Append(out, "}");
  if (!is_whole) Append(out, ",\"truncated\":true");
  Append(out, "}");
}

}  // namespace daemoneye::logging
