// Glob: a pattern with `*` (any text), `?` (one character) and `[...]` (one of a set), as SQLite's
// GLOB has it: case matters, `*` also takes '/', `[^a-z]` negates, a set may hold ']' first.
//
// Cost: linear in the text. Runs between two `*` are searched with memmem when they are plain, else
// tried at each place, which is why such a run is bounded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace daemoneye::event {

inline constexpr size_t kMaxGlobBytes = 1024;
// Characters in a run with `?` or a set that stands between two `*`.
inline constexpr size_t kMaxGlobRun = 64;

class Glob {
 public:
  // InvalidArgument: longer than kMaxGlobBytes, a set that is not closed, a range that runs
  // backwards, a run over kMaxGlobRun. Says where.
  static absl::StatusOr<Glob> Compile(std::string_view pattern);

  // True when `text` holds one of `*?[`, so that a filter's value is meant as a pattern.
  static bool IsPattern(std::string_view text) {
    return text.find_first_of("*?[") != std::string_view::npos;
  }

  bool Matches(std::string_view text) const;

 private:
  enum class Kind : uint8_t { kLiteral, kAny, kSet };
  struct Token {
    Kind kind = Kind::kLiteral;
    bool negated = false;
    char32_t literal = 0;
    std::vector<std::pair<char32_t, char32_t>> ranges;  // of a set, both ends included

    bool Takes(char32_t c) const;
  };
  // What stands between two stars, or between one and an end.
  struct Run {
    bool is_plain = true;
    std::string plain;          // its bytes when is_plain
    std::vector<Token> tokens;  // else
  };

  static absl::StatusOr<Token> ParseSet(std::string_view pattern, size_t& position);
  // Bytes of `text` that the run takes at its beginning, or npos.
  static size_t MatchHere(const Run& run, std::string_view text);
  // Removes from `text` all up to and with the first place the run fits; false when there is none.
  static bool SkipPast(const Run& run, std::string_view& text);
  // Removes the run from the end of `text`.
  static bool TakeSuffix(const Run& run, std::string_view& text);

  std::vector<Run> runs_;  // one more than there are stars
};

}  // namespace daemoneye::event
