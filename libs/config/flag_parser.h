// Flags to settings: --name value, --name=value; for booleans --name, --noname, --name=false.
#pragma once

#include <string>
#include <vector>

#include "libs/config/layer_values.h"

namespace daemoneye::config {

// Adds what `args` (argv without argv[0]) set, and every mistake, to `out`. A boolean takes no
// separate value, so `--flag false` is a stray argument rather than true; a value that begins with
// `--` must be written behind `=`.
void ParseFlags(const std::vector<std::string>& args, LayerValues& out);

}  // namespace daemoneye::config
