#include "libs/config/option_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

const OptionSpec& Spec(const std::string& key) {
  static const OptionTable* const kTable = new OptionTable(EveryTypeTable());
  return *std::ranges::find(kTable->specs, key, &OptionSpec::key);
}

std::string ErrorOf(const std::string& key, std::string_view text) {
  return std::string(ParseValue(Spec(key), text).status().message());
}

TEST(ParseValueTest, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    const char* key;
    std::string text;
    const char* want;
  } cases[] = {
      {"collection_interval", "4", "4 is below 5 (seconds, 5..3600)"},
      {"collection_interval", "2h", "2h is above 3600 (seconds, 5..3600)"},
      {"collection_interval", "soon",
       "'soon' is not a duration such as 30s, 500ms or 5m (seconds, 5..3600)"},
      {"count", "-1", "-1 is below 0 (events, 0..10)"},
      {"count", "11", "11 is above 10 (events, 0..10)"},
      {"count", "1.5", "'1.5' is not a whole number (events, 0..10)"},
      {"count", "", "'' is not a whole number (events, 0..10)"},
      {"ratio", "nan", "'nan' is not a number (0..1)"},
      {"ratio", "2", "2 is above 1 (0..1)"},
      {"size", "12", "12 is below 1KiB (bytes, 1KiB..1GiB)"},
      {"size", "16M",
       "'16M' is not a count of bytes such as 4096, 64KiB or 16MiB (bytes, 1KiB..1GiB)"},
      {"name", "123456789", "its length of 9 is above 8 (bytes, at most 8)"},
      {"items", "a,d", "'d' is not one of a, b, c (did you mean a?)"},
      {"items", "a,,b", "has an empty element"},
      {"items", "a,b,c,a", "its count of 4 is above 3 (one of a, b, c, elements, at most 3)"},
      {"tags", "a", "'a' is not key=value (elements, at most 2)"},
      {"tags", "a=1,a=2", "key 'a' stands twice"},
      {"tags", "=1", "has an element without a key"},
      {"tags", "a=1,b=2,c=3", "its count of 3 is above 2 (elements, at most 2)"},
      {"mode", "fats", "'fats' is not one of fast, slow (did you mean fast?)"},
      {"turbo", "maybe", "'maybe' is not true or false"},
      {"name", "\xff\x1b", "'\\xff\\x1b' is not UTF-8 text (bytes, at most 8)"},
      {"node_name", std::string(5000, 'a'), "a text of 5000 bytes is longer than 4096"},
      {"node_name", std::string("a\0b", 3), "'a\\x00b' is not UTF-8 text"},
  };
  for (const auto& c : cases) EXPECT_EQ(ErrorOf(c.key, c.text), c.want) << c.key;
}

TEST(ParseValueTest, TakesBothEndsOfTheBounds) {
  EXPECT_EQ(ParseValue(Spec("collection_interval"), "5").value(), OptionValue(absl::Seconds(5)));
  EXPECT_EQ(ParseValue(Spec("collection_interval"), "1h").value(), OptionValue(absl::Hours(1)));
  EXPECT_EQ(ParseValue(Spec("size"), "1KiB").value(), OptionValue(uint64_t{1024}));
  EXPECT_EQ(ParseValue(Spec("size"), "1GiB").value(), OptionValue(uint64_t{1} << 30));
}

TEST(ParseValueTest, SplitsListsAndMapsAtCommas) {
  EXPECT_EQ(ParseValue(Spec("items"), "a, b").value(), OptionValue(StringList{"a", "b"}));
  EXPECT_EQ(ParseValue(Spec("items"), "").value(), OptionValue(StringList{}));
  EXPECT_EQ(ParseValue(Spec("tags"), "k=v=w, l=").value(),
            OptionValue(StringMap{{"k", "v=w"}, {"l", ""}}));
}

TEST(ParseValueTest, NeverShowsASecret) {
  EXPECT_EQ(ErrorOf("password", "hunter2hunter2"),
            "its length of 14 is above 8 (bytes, at most 8)");
  EXPECT_THAT(ErrorOf("password", "hunter\xff"), testing::Not(testing::HasSubstr("hunter")));
}

TEST(FormatValueTest, WritesEachTypeAsYaml) {
  const struct {
    const char* key;
    const char* text;
    const char* want;
  } cases[] = {
      {"collection_interval", "1m", "60s"},
      {"count", "7", "7"},
      {"ratio", "0.25", "0.25"},
      {"size", "2048", "2KiB"},
      {"name", "a b", R"("a b")"},
      {"items", "a,b", R"(["a", "b"])"},
      {"tags", "k=v", R"({"k": "v"})"},
      {"turbo", "on", "true"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(FormatValue(ParseValue(Spec(c.key), c.text).value()), c.want) << c.key;
  }
}

}  // namespace
}  // namespace daemoneye::config
