// Small questions about the text of a statement, for errors that say where and what.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daemoneye::sql {

// Whether `sql` is only spaces and comments.
bool IsBlank(std::string_view sql);

// The first word of `sql` in upper case, behind spaces, comments and nothing else; empty where it
// begins with something that is no word.
std::string FirstWord(std::string_view sql);

// Byte offset of `word` in `sql` as a whole word (ASCII case ignored).
std::optional<size_t> FindWord(std::string_view sql, std::string_view word);

// The candidate that is nearest to `word`, if it is near enough to be what was meant. The views are
// of `candidates`.
std::optional<std::string_view> Nearest(std::string_view word,
                                        const std::vector<std::string_view>& candidates);

}  // namespace daemoneye::sql
