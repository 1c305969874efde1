// RegexpCache: the compiled patterns of SQL's REGEXP (RE2: linear time, unanchored, case counts).
//
// Threads: compatible; the patterns handed out are immutable.
#pragma once

#include <memory>
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

bool RegexpMatches(const re2::RE2& regexp, std::string_view text);

}  // namespace daemoneye::sql
