#include "libs/sql/regexp.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace daemoneye::sql {
namespace {

// Bounds what a pattern compiles to, and the time that takes (under 1 ms).
constexpr int64_t kMaxRegexpBytes = 128 * 1024;
// Program size times text size, see RegexpMatches.
constexpr size_t kMaxWork = 5'000'000;

void DeleteRegexp(void* regexp) { delete static_cast<std::shared_ptr<const re2::RE2>*>(regexp); }

// regexp(pattern, text), which is what SQLite makes of `text REGEXP pattern`.
void RegexpFunction(sqlite3_context* context, int /*argc*/, sqlite3_value** argv) {
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL || sqlite3_value_type(argv[1]) == SQLITE_NULL) {
    return;  // NULL
  }
  using Regexp = std::shared_ptr<const re2::RE2>;
  const auto* regexp = static_cast<const Regexp*>(sqlite3_get_auxdata(context, 0));
  Regexp compiled;
  if (regexp == nullptr) {
    const auto* pattern = reinterpret_cast<const char*>(sqlite3_value_text(argv[0]));
    if (pattern == nullptr) return sqlite3_result_error_nomem(context);
    const std::string_view view(pattern, sqlite3_value_bytes(argv[0]));
    auto found = static_cast<RegexpCache*>(sqlite3_user_data(context))->Get(view);
    if (!found.ok()) {
      const std::string message(found.status().message());
      return sqlite3_result_error(context, message.data(), static_cast<int>(message.size()));
    }
    compiled = *std::move(found);
    regexp = &compiled;
  }
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[1]));
  if (text == nullptr) return sqlite3_result_error_nomem(context);
  const std::string_view view(text, sqlite3_value_bytes(argv[1]));
  if (const std::optional<bool> matches = RegexpMatches(**regexp, view)) {
    sqlite3_result_int(context, *matches ? 1 : 0);
  } else {
    sqlite3_result_error(context, "regular expression too complex for so long a text", -1);
  }
  // Last: SQLite may free it at once.
  if (compiled) sqlite3_set_auxdata(context, 0, new Regexp(std::move(compiled)), DeleteRegexp);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const re2::RE2>> RegexpCache::Get(std::string_view pattern) {
  if (const auto found = patterns_.find({pattern.data(), pattern.size()});
      found != patterns_.end()) {
    return found->second;
  }
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        fmt::format("regular expression longer than {} bytes", kMaxPatternBytes));
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexpBytes);
  auto regexp =
      std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!regexp->ok()) {
    return absl::InvalidArgumentError(fmt::format("bad regular expression: {}", regexp->error()));
  }
  if (patterns_.size() >= kMaxPatterns) patterns_.clear();
  patterns_.emplace(pattern, regexp);
  return regexp;
}

int RegexpCache::AddFunction(sqlite3* db) {
  return sqlite3_create_function_v2(db, "regexp", 2,
                                    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, this,
                                    RegexpFunction, nullptr, nullptr, nullptr);
}

std::optional<bool> RegexpMatches(const re2::RE2& regexp, std::string_view text) {
  if (static_cast<size_t>(regexp.ProgramSize()) * text.size() > kMaxWork) return std::nullopt;
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regexp);
}

}  // namespace daemoneye::sql
