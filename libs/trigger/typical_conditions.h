// TypicalCondition: conditions such as people write, for benchmarks.
#pragma once

#include <string>

namespace daemoneye::trigger {

// A typical mix, of 100: 40 names, 15 paths, 25 command lines, 5 regular expressions, 5 numbers, 5
// joins, 3 alternatives, 2 that no index can rule out. Without joins other names stand in their
// place.
std::string TypicalCondition(int i, bool has_joins);

}  // namespace daemoneye::trigger
