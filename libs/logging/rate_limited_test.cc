#include "libs/logging/rate_limited.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "libs/base/fake_clock.h"
#include "libs/base/thread.h"
#include "libs/logging/captured_stderr.h"
#include "libs/logging/logging.h"

namespace daemoneye::logging {
namespace {

using ::testing::EndsWith;

TEST(RateLimitedTest, OneLineAnIntervalWithTheCountOfTheRest) {
  base::FakeClock clock;
  RateLimited limited(absl::Seconds(10), clock);
  {
    CapturedStderr captured;
    limited.Log(Level::kInfo, "first", {{"k", 1}});
    EXPECT_THAT(captured.Take(), EndsWith(": first k=1\n"));
  }
  {
    CapturedStderr captured;
    for (int i = 0; i < 5; ++i) limited.Log(Level::kInfo, "swallowed");
    clock.Advance(absl::Seconds(9));
    limited.Log(Level::kInfo, "swallowed");
    EXPECT_EQ(captured.Take(), "");
    EXPECT_EQ(limited.suppressed(), 6u);
  }
  {
    CapturedStderr captured;
    clock.Advance(absl::Seconds(1));
    limited.Log(Level::kInfo, "again", {{"k", 2}});
    EXPECT_THAT(captured.Take(), EndsWith(": again k=2 suppressed=6\n"));
    EXPECT_EQ(limited.suppressed(), 0u);
  }
}

TEST(RateLimitedTest, ALevelThatIsOffCountsNothing) {
  base::FakeClock clock;
  RateLimited limited(absl::Seconds(10), clock);
  limited.Log(Level::kDebug, "off");
  limited.Log(Level::kDebug, "off");
  EXPECT_EQ(limited.suppressed(), 0u);
}

TEST(RateLimitedTest, ManyThreadsGiveOneLine) {
  base::FakeClock clock;
  RateLimited limited(absl::Seconds(10), clock);
  CapturedStderr captured;
  {
    std::vector<base::Thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("logger", [&](std::stop_token) {
        for (int i = 0; i < 100; ++i) limited.Log(Level::kInfo, "line");
      });
    }
  }
  const std::string text = captured.Take();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(limited.suppressed(), 399u);
}

}  // namespace
}  // namespace daemoneye::logging
