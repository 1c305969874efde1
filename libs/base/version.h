// The version of this build, told by --version, in negotiations and in build_info.
#pragma once

namespace daemoneye::base {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace daemoneye::base
