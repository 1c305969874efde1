// RetryDelay: how long to wait before the next attempt.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/random/bit_gen_ref.h"
#include "absl/random/distributions.h"
#include "absl/time/time.h"

namespace daemoneye::analysis {

inline constexpr absl::Duration kFirstRetryDelay = absl::Seconds(2);
inline constexpr absl::Duration kMaxRetryDelay = absl::Seconds(60);

// After attempt 1, 2, ...: 2 s doubling to 60 s, of which up to half is taken away at random, so
// that what failed together does not come back together.
inline absl::Duration RetryDelay(uint32_t attempt, absl::BitGenRef random) {
  const absl::Duration full =
      std::min(kMaxRetryDelay, kFirstRetryDelay * (uint64_t{1} << std::min(attempt - 1, 16u)));
  return full * absl::Uniform(random, 0.5, 1.0);
}

}  // namespace daemoneye::analysis
