#include "libs/logging/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "libs/base/thread.h"
#include "libs/logging/captured_stderr.h"

namespace {

std::atomic<int> allocations = 0;

}  // namespace

// Not inlined: gcc otherwise sees free() of what new returned, and warns.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace daemoneye::logging {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class LoggingTest : public testing::Test {
 protected:
  void TearDown() override {
    Shutdown();
    SetLevel(Level::kInfo);
  }
};

TEST_F(LoggingTest, WritesAsTextBeforeInit) {
  CapturedStderr captured;
  Info("early", {{"k", "v"}});
  EXPECT_THAT(captured.Take(), EndsWith(" INFO -: early k=v\n"));
}

TEST_F(LoggingTest, WritesEveryLineInOrderBeforeShutdownReturns) {
  CapturedStderr captured;
  Init({.component = "procmond", .format = Format::kJson});
  for (int i = 0; i < 1000; ++i) Info("line", {{"i", i}});
  Shutdown();
  const std::vector<std::string> lines = Lines(captured.Take());
  ASSERT_EQ(lines.size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    const auto json = nlohmann::json::parse(lines[i]);
    EXPECT_EQ(json["component"], "procmond");
    EXPECT_EQ(json["fields"]["i"], i);
  }
}

TEST_F(LoggingTest, ALevelBelowTheThresholdIsSilent) {
  CapturedStderr captured;
  Init({.component = "c", .level = Level::kWarning});
  Info("quiet");
  Warning("loud");
  SetLevel(Level::kError);
  Warning("quiet");
  SetLevel(Level::kError, /*enable_debug=*/true);
  Debug("detail");
  Shutdown();
  const std::string text = captured.Take();
  EXPECT_THAT(text, HasSubstr("WARNING c: loud\n"));
  EXPECT_THAT(text, HasSubstr("DEBUG c: detail\n"));
  EXPECT_THAT(text, Not(HasSubstr("quiet")));
}

TEST_F(LoggingTest, ALevelThatIsOffAllocatesNothing) {
  Init({.component = "c", .level = Level::kError});
  const std::string value = "a value too long for a small string";
  const absl::Status status = absl::NotFoundError("gone");
  const int before = allocations;
  for (int i = 0; i < 100; ++i) Debug("off", {{"v", value}, {"i", i}, {"error", status}});
  EXPECT_EQ(allocations, before);
}

TEST_F(LoggingTest, LinesOfManyThreadsDoNotMix) {
  CapturedStderr captured;
  Init({.component = "c", .format = Format::kJson});
  {
    std::vector<base::Thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back("logger", [t](std::stop_token) {
        for (int i = 0; i < 200; ++i) Info("line", {{"t", t}, {"i", i}});
      });
    }
  }
  Shutdown();
  const std::vector<std::string> lines = Lines(captured.Take());
  EXPECT_EQ(lines.size(), 800u);
  for (const std::string& line : lines) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST_F(LoggingTest, MayBeInitialisedAgainAndShutDownTwice) {
  CapturedStderr captured;
  Init({.component = "one"});
  Info("a");
  Init({.component = "two"});
  Info("b");
  Shutdown();
  Shutdown();
  Info("c");
  const std::string text = captured.Take();
  EXPECT_THAT(text, HasSubstr("INFO one: a\n"));
  EXPECT_THAT(text, HasSubstr("INFO two: b\n"));
  EXPECT_THAT(text, HasSubstr("INFO -: c\n"));
}

TEST(LevelTest, NamesAreReadBack) {
  for (Level level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    EXPECT_EQ(ParseLevel(LevelName(level)), level);
  }
  EXPECT_EQ(ParseLevel("loud"), std::nullopt);
  EXPECT_EQ(ParseLevel(""), std::nullopt);
}

}  // namespace
}  // namespace daemoneye::logging
