#include "libs/sql/budget.h"

#include <sqlite3.h>
#include <time.h>

namespace daemoneye::sql {
namespace {

constexpr size_t kUnitsPerCheck = 1000;

}  // namespace

// Not a clock of the house: how much this thread worked, not what time it is.
absl::Duration ThreadCpuTime() {
  timespec cpu{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  return absl::DurationFromTimespec(cpu);
}

bool CpuLimit::IsExceeded(base::Monotonic now) {
  switch (stage_) {
    case Stage::kUnstarted:
      wall_start_ = now;
      stage_ = Stage::kWall;
      return false;
    case Stage::kWall:
      if (base::Elapsed(wall_start_, now) < half_) return false;
      cpu_start_ = ThreadCpuTime();
      stage_ = Stage::kCpu;
      return false;
    case Stage::kCpu:
      return ThreadCpuTime() - cpu_start_ >= half_;
  }
  return false;
}

void Budget::StartCall() {
  call_.Start();
  event_.Start();
  units_ = 0;
  is_call_exceeded_ = false;
  is_memory_exceeded_ = false;
  if (memory_limit_bytes_ > 0) memory_before_ = sqlite3_memory_used();
}

bool Budget::IsMemoryExceeded() const {
  return memory_limit_bytes_ > 0 &&
         sqlite3_memory_used() - memory_before_ > static_cast<int64_t>(memory_limit_bytes_);
}

bool Budget::Check() {
  const base::Monotonic now = base::Clock::Real().MonotonicNow();
  is_call_exceeded_ = call_.IsExceeded(now);
  is_memory_exceeded_ = IsMemoryExceeded();
  return !is_call_exceeded_ && !is_memory_exceeded_ && !event_.IsExceeded(now);
}

bool Budget::Spend(size_t units) {
  units_ += units;
  if (units_ < kUnitsPerCheck) return true;
  units_ = 0;
  return Check();
}

}  // namespace daemoneye::sql
