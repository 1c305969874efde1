#include "libs/event/filter_field.h"

#include <functional>
#include <map>
#include <numeric>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"

namespace daemoneye::event {
namespace {

constexpr size_t kQuotedBytes = 64;

std::string Quote(std::string_view text) {
  const std::string_view shown = base::Utf8Prefix(text, kQuotedBytes);
  return fmt::format("\"{}{}\"", base::EscapeForTerminal(shown),
                     shown.size() < text.size() ? "..." : "");
}

std::string UpperCase(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c -= 'a' - 'A';
  }
  return text;
}

// Levenshtein distance of two short texts.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row.back();
}

// Every form an action may be written in, in upper case -> the action without prefix.
const std::map<std::string, std::string, std::less<>>& ActionForms() {
  static const auto& forms = *new std::map<std::string, std::string, std::less<>>([] {
    std::map<std::string, std::string, std::less<>> all;
    for (int k = 0; k < 8; ++k) {
      const auto kind = static_cast<v1::EventKind>(k);
      for (int action = 0; action < 16; ++action) {
        const std::string name(ActionName(kind, action));
        if (name.empty()) continue;
        all.emplace(name, name);
        all.emplace(UpperCase(fmt::format("{}_ACTION_{}", KindName(kind), name)), name);
      }
    }
    return all;
  }());
  return forms;
}

}  // namespace

absl::Status FieldError(std::string_view prefix, std::string_view field, int index,
                        std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}{}[{}]: {}", prefix, field, index, what));
}

absl::Status FieldError(std::string_view prefix, std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}{}: {}", prefix, field, what));
}

absl::Status CheckCount(int count, std::string_view prefix, std::string_view field) {
  if (static_cast<size_t>(count) <= kMaxFilterValues) return absl::OkStatus();
  return FieldError(prefix, field,
                    fmt::format("{} values, at most {} are allowed", count, kMaxFilterValues));
}

absl::Status CheckText(std::string_view text, std::string_view prefix, std::string_view field) {
  if (text.size() <= kMaxFilterTextBytes) return absl::OkStatus();
  return FieldError(
      prefix, field,
      fmt::format("{} bytes, at most {} are allowed", text.size(), kMaxFilterTextBytes));
}

absl::Status CheckTimestamp(const google::protobuf::Timestamp& time, std::string_view prefix,
                            std::string_view field) {
  // 0001-01-01 to 9999-12-31, as timestamp.proto has it.
  if (time.seconds() >= -62'135'596'800 && time.seconds() <= 253'402'300'799 && time.nanos() >= 0 &&
      time.nanos() <= 999'999'999) {
    return absl::OkStatus();
  }
  return FieldError(
      prefix, field,
      fmt::format("seconds {} nanos {} is no valid timestamp", time.seconds(), time.nanos()));
}

absl::StatusOr<std::string> CanonicalAction(std::string_view text) {
  if (text.size() > kQuotedBytes) {
    return absl::InvalidArgumentError(fmt::format("{} is no action", Quote(text)));
  }
  const std::string upper = UpperCase(std::string(text));
  const auto& forms = ActionForms();
  if (const auto found = forms.find(upper); found != forms.end()) return found->second;
  const auto nearest =
      std::min_element(forms.begin(), forms.end(), [&](const auto& a, const auto& b) {
        return EditDistance(upper, a.first) < EditDistance(upper, b.first);
      });
  return absl::InvalidArgumentError(
      fmt::format("{} is no action; the nearest is {}", Quote(text), nearest->second));
}

absl::Status CollectTexts(const TextList& values, std::string_view prefix, std::string_view field,
                          TextSet& out) {
  RETURN_IF_ERROR(CheckCount(values.size(), prefix, field));
  for (int i = 0; i < values.size(); ++i) {
    const std::string name = fmt::format("{}[{}]", field, i);
    if (values[i].empty()) return FieldError(prefix, name, "is empty");
    RETURN_IF_ERROR(CheckText(values[i], prefix, name));
    out.insert(values[i]);
  }
  return absl::OkStatus();
}

absl::Status CollectPatterns(const TextList& values, std::string_view prefix,
                             std::string_view field, size_t& glob_bytes, TextPatterns& out) {
  RETURN_IF_ERROR(CheckCount(values.size(), prefix, field));
  for (int i = 0; i < values.size(); ++i) {
    const std::string name = fmt::format("{}[{}]", field, i);
    if (values[i].empty()) return FieldError(prefix, name, "is empty");
    RETURN_IF_ERROR(CheckText(values[i], prefix, name));
    if (!Glob::IsPattern(values[i])) {
      out.exact.insert(values[i]);
      continue;
    }
    glob_bytes += values[i].size();
    if (glob_bytes > kMaxFilterGlobBytes) {
      return FieldError(prefix, name,
                        fmt::format("patterns of more than {} bytes in all", kMaxFilterGlobBytes));
    }
    absl::StatusOr<Glob> glob = Glob::Compile(values[i]);
    if (!glob.ok()) return FieldError(prefix, name, MessageOf(glob.status()));
    out.globs.push_back(*std::move(glob));
  }
  return absl::OkStatus();
}

absl::Status CollectPairs(const google::protobuf::Map<std::string, std::string>& values,
                          std::string_view prefix, std::string_view field,
                          std::vector<std::pair<std::string, std::string>>& out) {
  RETURN_IF_ERROR(CheckCount(static_cast<int>(values.size()), prefix, field));
  for (const auto& [key, value] : values) {
    const std::string name = fmt::format("{}[{}]", field, Quote(key));
    if (key.empty()) return FieldError(prefix, field, "a key is empty");
    RETURN_IF_ERROR(CheckText(key, prefix, name));
    RETURN_IF_ERROR(CheckText(value, prefix, name));
    out.emplace_back(key, value);
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::event
