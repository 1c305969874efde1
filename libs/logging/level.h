// Level: how much a log line matters.
#pragma once

#include <optional>
#include <string_view>

namespace daemoneye::logging {

enum class Level : int { kDebug = 1, kInfo = 2, kWarning = 3, kError = 4 };

// "debug", "info", "warning", "error".
std::string_view LevelName(Level level);

// The inverse; nullopt for any other text.
std::optional<Level> ParseLevel(std::string_view name);

}  // namespace daemoneye::logging
