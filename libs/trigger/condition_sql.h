// The SQL that a trigger's condition stands for: the built-in kinds are ready-made statements.
//
// What they have in common: a process that the monitor itself spawned is left out unless
// `include_own`; names, paths and parents are looked at once an image (`first_image`), so that they
// mean the same on every event source; samples are looked at by ResourceAnomaly alone. Plain SQL
// over process_events sees every action the stream has, SAMPLE too: a bare
// `cpu_usage_percent > 90.5` fires on the sample that shows it.
//
// Threads: stateless; any.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemoneye/v1/trigger.pb.h"

namespace daemoneye::trigger {

inline constexpr size_t kMaxNamePatternBytes = 256;
inline constexpr size_t kMaxPathPatternBytes = 1024;
inline constexpr int kMaxPairs = 32;
inline constexpr int kMaxPatternsOfPair = 64;

// The statement or bare condition that `condition` stands for; of `sql`, its text as it is.
// InvalidArgument "<field>: <what>" where a pattern is missing or beyond its bound.
absl::StatusOr<std::string> ConditionSql(const v1::TriggerCondition& condition);

// `text` as an SQL literal in single quotes. It must hold no NUL.
std::string SqlLiteral(std::string_view text);

// What an empty SuspiciousParentChild stands for: web and database servers and mail programs that
// start a shell, an interpreter or a downloader.
const v1::SuspiciousParentChild& DefaultParentChild();

}  // namespace daemoneye::trigger
