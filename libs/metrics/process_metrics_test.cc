#include "libs/metrics/process_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "libs/base/clock.h"

namespace daemoneye::metrics {
namespace {

// The value of `name` on the page; -1 when it is not there.
double ValueOf(const Registry& registry, const std::string& name) {
  const std::string page = registry.Scrape();
  const size_t line = page.find("\n" + name + " ");
  if (line == std::string::npos) return -1;
  return std::strtod(page.c_str() + line + 1 + name.size(), nullptr);
}

TEST(ProcessMetricsTest, AreThisProcesssOwnUnderTheCommonNames) {
  Registry registry;
  const std::vector<CallbackHandle> handles = AddProcessMetrics(registry);
  EXPECT_GT(ValueOf(registry, "process_cpu_seconds_total"), 0);
  EXPECT_GE(ValueOf(registry, "process_open_fds"), 3);
  EXPECT_GT(ValueOf(registry, "process_max_fds"), 3);
  EXPECT_GT(ValueOf(registry, "process_resident_memory_bytes"), 1 << 20);
  EXPECT_GE(ValueOf(registry, "process_virtual_memory_bytes"),
            ValueOf(registry, "process_resident_memory_bytes"));
  EXPECT_GE(ValueOf(registry, "process_threads"), 1);
  const double now = absl::ToDoubleSeconds(base::Clock::Real().Now() - absl::UnixEpoch());
  EXPECT_GT(ValueOf(registry, "process_start_time_seconds"), now - 600);
  EXPECT_LT(ValueOf(registry, "process_start_time_seconds"), now + 2);
}

TEST(ProcessMetricsTest, AreGoneWithTheirHandles) {
  Registry registry;
  {
    const std::vector<CallbackHandle> handles = AddProcessMetrics(registry);
  }
  EXPECT_EQ(registry.Scrape(), "");
}

}  // namespace
}  // namespace daemoneye::metrics
