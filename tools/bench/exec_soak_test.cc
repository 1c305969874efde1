// The short form of tools/soak. Skipped, aloud, for others than root and under sanitizers.

#include "tools/bench/exec_soak.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/time/time.h"
#include "tests/support/instrumented.h"

namespace daemoneye::bench {
namespace {

TEST(ExecSoakTest, MemoryAndCpuStayFlat) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  if (testing_support::IsInstrumented()) GTEST_SKIP() << "the memory is the sanitizer's";
  ExecSoakOptions options;
  options.bin = ".";
  options.length = absl::Seconds(75);
  options.period = absl::Seconds(5);
  // By then both rings have gone round.
  options.warm_up = absl::Seconds(40);
  // Other tests run beside this one, whose processes are told of, too.
  options.max_rss_change_bytes = 8 << 20;
  options.max_cpu_ratio = 2;
  const absl::Status status = RunExecSoak(options);
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace daemoneye::bench
