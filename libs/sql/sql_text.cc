#include "libs/sql/sql_text.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"

namespace daemoneye::sql {
namespace {

bool IsWordByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || (c & 0x80);
}

// Offset behind spaces and comments.
size_t SkipSpace(std::string_view sql) {
  size_t at = 0;
  while (at < sql.size()) {
    const std::string_view rest = sql.substr(at);
    if (absl::ascii_isspace(static_cast<unsigned char>(rest[0]))) {
      ++at;
    } else if (rest.starts_with("--")) {
      at = std::min(sql.find('\n', at), sql.size());
    } else if (rest.starts_with("/*")) {
      const size_t end = sql.find("*/", at + 2);
      at = end == std::string_view::npos ? sql.size() : end + 2;
    } else {
      break;
    }
  }
  return at;
}

bool EqualsIgnoreCase(char a, char b) {
  return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
         absl::ascii_tolower(static_cast<unsigned char>(b));
}

// Levenshtein's distance, ASCII case ignored.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t change = diagonal + (EqualsIgnoreCase(a[i], b[j]) ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({change, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

bool IsBlank(std::string_view sql) { return SkipSpace(sql) == sql.size(); }

std::string FirstWord(std::string_view sql) {
  sql.remove_prefix(SkipSpace(sql));
  std::string word(sql.begin(), std::find_if_not(sql.begin(), sql.end(), IsWordByte));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return absl::ascii_toupper(c); });
  return word;
}

std::optional<size_t> FindWord(std::string_view sql, std::string_view word) {
  if (word.empty()) return std::nullopt;
  auto from = sql.begin();
  while (true) {
    from = std::search(from, sql.end(), word.begin(), word.end(), EqualsIgnoreCase);
    if (from == sql.end()) return std::nullopt;
    const auto end = from + static_cast<std::ptrdiff_t>(word.size());
    const bool begins = from == sql.begin() || !IsWordByte(from[-1]) || !IsWordByte(word.front());
    const bool ends = end == sql.end() || !IsWordByte(*end) || !IsWordByte(word.back());
    if (begins && ends) return from - sql.begin();
    ++from;
  }
}

std::optional<std::string_view> Nearest(std::string_view word,
                                        const std::vector<std::string_view>& candidates) {
  constexpr size_t kLongestWord = 64;
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  size_t best = std::max<size_t>(1, word.size() / 2);
  std::optional<std::string_view> nearest;
  for (const std::string_view candidate : candidates) {
    const size_t distance = Distance(word, candidate);
    if (distance < best || (distance == best && !nearest)) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace daemoneye::sql
