// Errors of a statement from outside: what is wrong, where, and what would be right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "libs/sql/guarded_connection.h"

namespace daemoneye::sql {

// InvalidArgument "<subject>: <what> at position <offset + 1>: <hint>", without what is not known.
// The subject is the field that holds the statement, such as "filter.sql".
absl::Status SqlError(std::string_view subject, std::string_view what,
                      std::optional<size_t> offset = std::nullopt, std::string_view hint = "");

// The 1-based position that such an error names.
std::optional<uint32_t> PositionOf(const absl::Status& status);

// The same for what SQLite, or the authorizer, last said about a statement whose text held `sql`
// from byte `prefix` on.
absl::Status PrepareError(GuardedConnection& connection, std::string_view sql, size_t prefix);

}  // namespace daemoneye::sql
