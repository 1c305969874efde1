// A configuration file's text to settings: `name: value`, or sections (`tls: {cert: ...}` is
// tls_cert).
#pragma once

#include <string>
#include <string_view>

#include "libs/config/layer_values.h"

namespace daemoneye::config {

// Adds what `text`, read from `path`, sets, and every mistake with its line, to `out`.
void ParseFile(const std::string& path, std::string_view text, LayerValues& out);

}  // namespace daemoneye::config
