#include "libs/config/value_text.h"

#include <gtest/gtest.h>

#include <random>

namespace daemoneye::config {
namespace {

TEST(ParseDurationTest, TakesABareNumberInTheUnitAndUnitsOfItsOwn) {
  const struct {
    const char* text;
    absl::Duration want;
  } cases[] = {
      {"30", absl::Seconds(30)},          {"0", absl::ZeroDuration()},
      {"1.5", absl::Milliseconds(1500)},  {"30s", absl::Seconds(30)},
      {"500ms", absl::Milliseconds(500)}, {"5m", absl::Minutes(5)},
      {"1h30m", absl::Minutes(90)},       {"-3s", absl::Seconds(-3)},
      {"0.3ns", absl::ZeroDuration()},
  };
  for (const auto& c : cases) EXPECT_EQ(ParseDuration(c.text, absl::Seconds(1)), c.want) << c.text;
  EXPECT_EQ(ParseDuration("250", absl::Milliseconds(1)), absl::Milliseconds(250));
}

TEST(ParseDurationTest, RefusesWhatIsNotAFiniteDuration) {
  for (const char* text : {"", " ", "30 s", "s", "1d", "inf", "-inf", "1e5", "1.2.3", ".", "0x10",
                           "999999999999999999999999h", "1s trailing"}) {
    EXPECT_EQ(ParseDuration(text, absl::Seconds(1)), std::nullopt) << text;
  }
}

TEST(DurationTextTest, IsReadBackToTheSameDuration) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto bits = static_cast<int>(random() % 62);
    const absl::Duration d = absl::Nanoseconds(static_cast<int64_t>(random() >> (63 - bits)));
    EXPECT_EQ(ParseDuration(DurationText(d), absl::Hours(1)), d) << DurationText(d);
  }
  EXPECT_EQ(DurationText(absl::Seconds(3600)), "3600s");
  EXPECT_EQ(DurationText(absl::Milliseconds(1500)), "1500ms");
}

TEST(ParseByteCountTest, TakesBinaryAndDecimalUnits) {
  const struct {
    const char* text;
    uint64_t want;
  } cases[] = {{"0", 0},
               {"4096", 4096},
               {"64KiB", 65536},
               {"16MiB", 16 << 20},
               {"1TiB", 1ull << 40},
               {"64kB", 64000},
               {"2GB", 2'000'000'000},
               {"9223372036854775807", INT64_MAX}};
  for (const auto& c : cases) EXPECT_EQ(ParseByteCount(c.text), c.want) << c.text;
}

TEST(ParseByteCountTest, RefusesWhatIsAmbiguousOrTooLarge) {
  for (const char* text : {"", "MiB", "16 MiB", "16M", "16mib", "-1", "1.5MiB", "+1",
                           "9223372036854775808", "8388608TiB", "99999999999999999999"}) {
    EXPECT_EQ(ParseByteCount(text), std::nullopt) << text;
  }
}

TEST(ByteCountTextTest, IsReadBackToTheSameCount) {
  for (uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, uint64_t{1024}, uint64_t{1536},
                         uint64_t{16 << 20}, uint64_t{INT64_MAX}}) {
    EXPECT_EQ(ParseByteCount(ByteCountText(bytes)), bytes);
  }
  EXPECT_EQ(ByteCountText(16 << 20), "16MiB");
}

TEST(QuoteYamlTest, EscapesWhatATerminalOrAReaderWouldActOn) {
  EXPECT_EQ(QuoteYaml("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(QuoteYaml("\n\x1b[31m\x7f"), R"("\x0a\x1b[31m\x7f")");
  EXPECT_EQ(QuoteYaml("caf\u00e9 \u202e \U000e0001"), "\"caf\u00e9 \\u202e \U000e0001\"");
}

}  // namespace
}  // namespace daemoneye::config
