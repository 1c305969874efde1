#include "libs/logging/rate_limited.h"

#include <chrono>
#include <vector>

#include "libs/logging/logging.h"

namespace daemoneye::logging {

RateLimited::RateLimited(absl::Duration interval, base::Clock& clock)
    : interval_ns_(absl::ToInt64Nanoseconds(interval)), clock_(clock) {}

bool RateLimited::Admit(uint64_t& suppressed) {
  const int64_t now_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.MonotonicNow().time_since_epoch())
          .count();
  int64_t next_ns = next_ns_.load(std::memory_order_relaxed);
  if (now_ns < next_ns || !next_ns_.compare_exchange_strong(next_ns, now_ns + interval_ns_,
                                                            std::memory_order_relaxed)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  suppressed = suppressed_.exchange(0, std::memory_order_relaxed);
  return true;
}

void RateLimited::Log(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!IsOn(level)) return;
  uint64_t suppressed = 0;
  if (!Admit(suppressed)) return;
  if (suppressed == 0) {
    internal::Write(level, message, {fields.begin(), fields.size()});
    return;
  }
  std::vector<Field> all(fields.begin(), fields.end());
  all.emplace_back("suppressed", suppressed);
  internal::Write(level, message, all);
}

}  // namespace daemoneye::logging
