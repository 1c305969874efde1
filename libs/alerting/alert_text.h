// An alert as text: a line for people, and JSON for programs. Both are safe to print: control and
// bidi characters from outside are escaped.
#pragma once

#include <string>
#include <string_view>

#include "daemoneye/v1/alert.pb.h"

namespace daemoneye::alerting {

// "HIGH"; "UNSPECIFIED" for what is no severity.
std::string_view SeverityName(v1::Severity severity);

// One line without its newline.
std::string AlertLine(const v1::Alert& alert);

// protobuf's JSON with proto field names, zero values included; ASCII only, one line without its
// newline.
std::string AlertJson(const v1::Alert& alert);

}  // namespace daemoneye::alerting
