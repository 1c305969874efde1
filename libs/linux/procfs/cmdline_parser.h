// Splits /proc/PID/cmdline into arguments. Pure; any bytes are safe.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace daemoneye::procfs {

// Replaces the content of `arguments` (reusing its memory) by views of `bytes`, at most
// `max_arguments` of them, and returns how many there are in all. Empty arguments are kept, but for
// one case: a title written over the arguments and padded with NULs (first argument, then only
// empty ones) is that one argument. Bytes without a NUL at the end are an argument too.
size_t SplitCmdline(std::string_view bytes, size_t max_arguments,
                    std::vector<std::string_view>& arguments);

}  // namespace daemoneye::procfs
