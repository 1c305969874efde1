// What a test itself reads of this machine's processes, to hold the servers' answers against.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace daemoneye::testing_support {

// pid -> start ticks of every process that is at least `age` old (proc(5), field 22 of stat).
std::map<uint32_t, uint64_t> ProcessesOf(const std::string& procfs, absl::Duration age);

// The start ticks that a process_key ends with.
uint64_t StartTicks(std::string_view process_key);

// What sha256sum(1) says of a file.
std::string Sha256OfFile(const std::string& path);

}  // namespace daemoneye::testing_support
