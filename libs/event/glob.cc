#include "libs/event/glob.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "libs/base/status_macros.h"

namespace daemoneye::event {
namespace {

// Decodes the UTF-8 character at `position` and moves behind it. A byte that is not part of one
// counts as a character of its own.
char32_t NextCharacter(std::string_view text, size_t& position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(position);
  const size_t length = first < 0x80    ? 1
                        : first >= 0xF0 ? 4
                        : first >= 0xE0 ? 3
                        : first >= 0xC0 ? 2
                                        : 1;
  if (length == 1 || position + length > text.size()) {
    ++position;
    return first;
  }
  char32_t value = first & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xC0) != 0x80) {
      ++position;
      return first;
    }
    value = value << 6 | (byte(position + i) & 0x3F);
  }
  position += length;
  return value;
}

}  // namespace

bool Glob::Token::Takes(char32_t c) const {
  switch (kind) {
    case Kind::kLiteral:
      return c == literal;
    case Kind::kAny:
      return true;
    case Kind::kSet:
      return negated != std::any_of(ranges.begin(), ranges.end(), [c](const auto& range) {
               return range.first <= c && c <= range.second;
             });
  }
  return false;
}

// `position` is behind the '['; left behind the ']'.
absl::StatusOr<Glob::Token> Glob::ParseSet(std::string_view pattern, size_t& position) {
  const size_t open = position - 1;
  Token token{.kind = Kind::kSet};
  if (position < pattern.size() && pattern[position] == '^') {
    token.negated = true;
    ++position;
  }
  for (bool is_first = true; position < pattern.size(); is_first = false) {
    if (pattern[position] == ']' && !is_first) {
      ++position;
      return token;
    }
    const size_t at = position;
    const char32_t low = NextCharacter(pattern, position);
    char32_t high = low;
    if (position + 1 < pattern.size() && pattern[position] == '-' && pattern[position + 1] != ']') {
      ++position;
      high = NextCharacter(pattern, position);
    }
    if (high < low) {
      return absl::InvalidArgumentError(fmt::format("range at position {} runs backwards", at));
    }
    token.ranges.emplace_back(low, high);
  }
  return absl::InvalidArgumentError(fmt::format("'[' at position {} is not closed", open));
}

absl::StatusOr<Glob> Glob::Compile(std::string_view pattern) {
  if (pattern.size() > kMaxGlobBytes) {
    return absl::InvalidArgumentError(
        fmt::format("pattern of {} bytes, at most {} are allowed", pattern.size(), kMaxGlobBytes));
  }
  Glob glob;
  glob.runs_.emplace_back();
  for (size_t position = 0; position < pattern.size();) {
    if (pattern[position] == '*') {
      ++position;
      glob.runs_.emplace_back();
      continue;
    }
    Run& run = glob.runs_.back();
    const size_t start = position;
    Token token;
    if (pattern[position] == '?') {
      ++position;
      token.kind = Kind::kAny;
    } else if (pattern[position] == '[') {
      ++position;
      ASSIGN_OR_RETURN(token, ParseSet(pattern, position));
    } else {
      token.literal = NextCharacter(pattern, position);
      run.plain.append(pattern.substr(start, position - start));
    }
    run.is_plain = run.is_plain && token.kind == Kind::kLiteral;
    run.tokens.push_back(std::move(token));
  }
  for (size_t i = 0; i < glob.runs_.size(); ++i) {
    Run& run = glob.runs_[i];
    const bool is_inner = i > 0 && i + 1 < glob.runs_.size();
    if (is_inner && !run.is_plain && run.tokens.size() > kMaxGlobRun) {
      return absl::InvalidArgumentError(
          fmt::format("more than {} characters with ? or [] between two *", kMaxGlobRun));
    }
    if (run.is_plain) run.tokens.clear();
  }
  return glob;
}

size_t Glob::MatchHere(const Run& run, std::string_view text) {
  if (run.is_plain) return text.starts_with(run.plain) ? run.plain.size() : std::string_view::npos;
  size_t position = 0;
  for (const Token& token : run.tokens) {
    if (position == text.size()) return std::string_view::npos;
    if (!token.Takes(NextCharacter(text, position))) return std::string_view::npos;
  }
  return position;
}

bool Glob::SkipPast(const Run& run, std::string_view& text) {
  if (run.is_plain) {
    if (run.plain.empty()) return true;
    const void* found = memmem(text.data(), text.size(), run.plain.data(), run.plain.size());
    if (found == nullptr) return false;
    text.remove_prefix(static_cast<const char*>(found) - text.data() + run.plain.size());
    return true;
  }
  for (size_t start = 0; start < text.size();) {
    const size_t taken = MatchHere(run, text.substr(start));
    if (taken != std::string_view::npos) {
      text.remove_prefix(start + taken);
      return true;
    }
    NextCharacter(text, start);
  }
  return false;
}

bool Glob::TakeSuffix(const Run& run, std::string_view& text) {
  if (run.is_plain) {
    if (!text.ends_with(run.plain)) return false;
    text.remove_suffix(run.plain.size());
    return true;
  }
  // As many characters as tokens, counted from the end.
  std::vector<size_t> starts;
  for (size_t position = 0; position < text.size();) {
    starts.push_back(position);
    NextCharacter(text, position);
  }
  if (starts.size() < run.tokens.size()) return false;
  const size_t start = starts[starts.size() - run.tokens.size()];
  if (MatchHere(run, text.substr(start)) != text.size() - start) return false;
  text = text.substr(0, start);
  return true;
}

bool Glob::Matches(std::string_view text) const {
  const size_t taken = MatchHere(runs_.front(), text);
  if (taken == std::string_view::npos) return false;
  text.remove_prefix(taken);
  if (runs_.size() == 1) return text.empty();
  if (!TakeSuffix(runs_.back(), text)) return false;
  for (size_t i = 1; i + 1 < runs_.size(); ++i) {
    if (!SkipPast(runs_[i], text)) return false;
  }
  return true;
}

}  // namespace daemoneye::event
