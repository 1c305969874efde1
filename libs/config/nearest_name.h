// The known name nearest to a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace daemoneye::config {

// The nearest of `known` by edit distance; empty when none is near (a third of the letters wrong).
std::string_view NearestName(std::string_view name, std::span<const std::string> known);

// " (did you mean X?)" or nothing.
std::string DidYouMean(std::string_view name, std::span<const std::string> known);

}  // namespace daemoneye::config
