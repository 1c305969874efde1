// The options table as people read it: --help and the reference page.
#pragma once

#include <string>

#include "libs/config/option_spec.h"

namespace daemoneye::config {

// What --help prints: a line or two a flag.
std::string HelpText(const OptionTable& table);

// The reference page's table: a row a setting.
std::string OptionsMarkdown(const OptionTable& table);

}  // namespace daemoneye::config
