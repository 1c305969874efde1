#include "libs/trigger/text_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

namespace daemoneye::trigger {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::set<uint32_t> Match(const TextMatcher& matcher, std::string_view text) {
  std::set<uint32_t> ids;
  matcher.Match(text, [&](uint32_t id) { ids.insert(id); });
  return ids;
}

TextMatcher Make(const std::vector<std::string>& literals) {
  TextMatcher matcher;
  for (size_t i = 0; i < literals.size(); ++i) {
    matcher.Add(literals[i], static_cast<uint32_t>(i));
  }
  matcher.Build();
  return matcher;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return text;
}

TEST(TextMatcherTest, FindsLiteralsWithinOneAnother) {
  const TextMatcher matcher = Make({"he", "she", "hers", "his"});
  EXPECT_THAT(Match(matcher, "ushers"), UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(Match(matcher, "this"), UnorderedElementsAre(3));
  EXPECT_THAT(Match(matcher, "x"), IsEmpty());
  EXPECT_THAT(Match(matcher, ""), IsEmpty());
}

TEST(TextMatcherTest, AsciiCaseIsIgnoredAndOtherLettersAreNot) {
  const TextMatcher matcher = Make({"NgInX", "\xc3\xa4"});
  EXPECT_THAT(Match(matcher, "/USR/sbin/nginx"), UnorderedElementsAre(0));
  EXPECT_THAT(Match(matcher, "\xc3\xa4"), UnorderedElementsAre(1));
  EXPECT_THAT(Match(matcher, "\xc3\x84"), IsEmpty());
}

TEST(TextMatcherTest, OneLiteralMayHaveManyIds) {
  TextMatcher matcher;
  matcher.Add("a", 1);
  matcher.Add("A", 2);
  matcher.Build();
  EXPECT_THAT(Match(matcher, "xa"), UnorderedElementsAre(1, 2));
}

TEST(TextMatcherTest, AnEmptyOneFindsNothing) {
  TextMatcher matcher;
  EXPECT_TRUE(matcher.empty());
  matcher.Build();
  EXPECT_THAT(Match(matcher, "text"), IsEmpty());
}

TEST(TextMatcherTest, NoTextThatHoldsALiteralIsMissed) {
  std::mt19937 random(7);
  const auto text = [&](size_t longest) {
    std::string letters(1 + random() % longest, '\0');
    for (char& c : letters) c = "abAB.\xff"[random() % 6];
    return letters;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> literals;
    for (int i = 0; i < 20; ++i) literals.push_back(text(20));
    const TextMatcher matcher = Make(literals);
    for (int i = 0; i < 20; ++i) {
      const std::string in = text(60);
      const std::set<uint32_t> ids = Match(matcher, in);
      for (uint32_t id = 0; id < literals.size(); ++id) {
        const std::string& literal = literals[id];
        const bool holds = Lower(in).find(Lower(literal)) != std::string::npos;
        if (holds) {
          EXPECT_TRUE(ids.contains(id)) << literal << " in " << in;
        }
        // A longer one may be told for its last bytes.
        const size_t kept = std::min(literal.size(), TextMatcher::kMaxLiteralBytes);
        const std::string end = literal.substr(literal.size() - kept);
        EXPECT_EQ(ids.contains(id), Lower(in).find(Lower(end)) != std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace daemoneye::trigger
