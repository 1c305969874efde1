// What binary-hasher is made of.
#pragma once

#include "absl/status/statusor.h"
#include "libs/analysis_server/analyzer_main.h"

namespace daemoneye::hasher {

// For AnalyzerDefinition::make. Metrics: hashed_bytes_total, hash_cache_hits_total,
// hash_cache_misses_total, hash_cache_evicted_total, hash_cache_entries.
absl::StatusOr<analysis_server::AnalyzerParts> MakeHasherParts(
    const analysis_server::AnalyzerContext& context);

}  // namespace daemoneye::hasher
