// RegexpCache: the compiled patterns of SQL's REGEXP (RE2: linear time, unanchored, case counts).
//
// Threads: compatible; the patterns handed out are immutable.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "re2/re2.h"

struct sqlite3;

namespace daemoneye::sql {

// Longest pattern, bytes; as for LIKE and GLOB.
inline constexpr size_t kMaxPatternBytes = 1024;

class RegexpCache {
 public:
  // InvalidArgument with RE2's message, or when `pattern` is too long or would compile too large.
  absl::StatusOr<std::shared_ptr<const re2::RE2>> Get(std::string_view pattern);

  // Adds the SQL function regexp(pattern, text) to `db`; this object outlives it. Returns SQLite's
  // result code.
  int AddFunction(sqlite3* db);

 private:
  // A pattern may come from a column, so this is bounded: beyond kMaxPatterns it starts afresh.
  static constexpr size_t kMaxPatterns = 16;
  absl::flat_hash_map<std::string, std::shared_ptr<const re2::RE2>> patterns_;
};

// Whether `regexp` matches somewhere in `text`. nullopt when the two together could take longer
// than 0.1 s, which nothing could interrupt: RE2's slow path takes about 20 ns a byte and
// instruction.
std::optional<bool> RegexpMatches(const re2::RE2& regexp, std::string_view text);

}  // namespace daemoneye::sql
