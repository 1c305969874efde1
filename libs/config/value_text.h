// Durations, byte counts and quoted strings as the configuration writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace daemoneye::config {

// "30" (times `unit`), "1.5s", "500ms", "1h30m"; nullopt for anything else, the infinite too. To
// the nanosecond.
std::optional<absl::Duration> ParseDuration(std::string_view text, absl::Duration unit);

// In the largest of s, ms, us, ns that gives a whole number; ParseDuration reads it back.
std::string DurationText(absl::Duration duration);

// 1 s for "seconds" and so on; nullopt for a word that is no unit of time.
std::optional<absl::Duration> TimeUnit(std::string_view name);

// "4096", "64KiB", "16MiB", "2GiB", "1TiB", and decimal "64kB", "16MB", "2GB", "1TB"; nullopt for
// anything else and for what does not fit in 63 bits.
std::optional<uint64_t> ParseByteCount(std::string_view text);

// With the largest binary unit that gives a whole number; ParseByteCount reads it back.
std::string ByteCountText(uint64_t bytes);

// `utf8` as a YAML double-quoted scalar on one line, safe to print: what a terminal would act on is
// written as an escape.
std::string QuoteYaml(std::string_view utf8);

}  // namespace daemoneye::config
