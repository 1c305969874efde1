#include "libs/event/glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace daemoneye::event {
namespace {

using ::testing::HasSubstr;

struct Case {
  const char* pattern;
  const char* text;
  bool matches;
};

TEST(GlobTest, MatchesAsSqliteGlobDoes) {
  const Case kCases[] = {
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"", "", true},
      {"*", "", true},
      {"*", "a/b", true},
      {"nc*", "nc.traditional", true},
      {"nc*", "xnc", false},
      {"*.sh", "run.sh", true},
      {"*.sh", "run.sh.bak", false},
      {"/tmp/*/x", "/tmp/a/b/x", true},
      {"a*b*c", "aXbYc", true},
      {"a*b*c", "acb", false},
      {"a**b", "ab", true},
      {"ab*bc", "abc", false},  // no byte counts twice
      {"?", "a", true},
      {"?", "", false},
      {"?", "\xC3\xA4", true},  // one character, two bytes
      {"??", "\xC3\xA4", false},
      {"[abc]x", "bx", true},
      {"[^abc]x", "bx", false},
      {"[a-f]*", "e1", true},
      {"[a-f]*", "g1", false},
      {"[]]", "]", true},
      {"[^]]", "]", false},
      {"[a-]", "-", true},
      {"[\xC3\xA4-\xC3\xBC]", "\xC3\xB6", true},
      {"*[0-9]", "sd1", true},
      {"*[0-9]", "sda", false},
      {"*?b*", "ab", true},
      {"*?b*", "b", false},
      {"x*[0-9]?*y", "x-7a--y", true},
      {"ABC", "abc", false},
      {"[*]", "*", true},
      {"\\*", "\\x", true},  // a backslash is itself
  };
  for (const Case& c : kCases) {
    const auto glob = Glob::Compile(c.pattern);
    ASSERT_TRUE(glob.ok()) << c.pattern << glob.status();
    EXPECT_EQ(glob->Matches(c.text), c.matches) << c.pattern << " on " << c.text;
  }
}

TEST(GlobTest, RefusesWithThePosition) {
  const std::pair<std::string, const char*> kCases[] = {
      {"ab[cd", "'[' at position 2 is not closed"},
      {"[", "'[' at position 0 is not closed"},
      {"[]", "'[' at position 0 is not closed"},
      {"x[z-a]", "range at position 2 runs backwards"},
      {std::string(1025, 'a'), "pattern of 1025 bytes"},
      {"*" + std::string(65, '?') + "*", "more than 64 characters"},
  };
  for (const auto& [pattern, error] : kCases) {
    const auto glob = Glob::Compile(pattern);
    ASSERT_FALSE(glob.ok()) << pattern;
    EXPECT_THAT(std::string(glob.status().message()), HasSubstr(error));
  }
}

// The obvious matcher: every way to share the text out.
bool Naive(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (size_t i = 0; i <= text.size(); ++i) {
      if (Naive(pattern.substr(1), text.substr(i))) return true;
    }
    return false;
  }
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         Naive(pattern.substr(1), text.substr(1));
}

TEST(GlobTest, AgreesWithTheObviousMatcher) {
  std::mt19937 random(7);
  constexpr std::string_view kPattern = "ab*?";
  for (int i = 0; i < 20'000; ++i) {
    std::string pattern(random() % 8, ' ');
    std::string text(random() % 10, ' ');
    for (char& c : pattern) c = kPattern[random() % 4];
    for (char& c : text) c = kPattern[random() % 2];
    ASSERT_EQ(Glob::Compile(pattern)->Matches(text), Naive(pattern, text))
        << pattern << " on " << text;
  }
}

TEST(GlobTest, StaysLinearOnPatternsMadeToHurt) {
  std::string pattern = "*";
  while (pattern.size() < 1000) pattern += "a*";
  const auto glob = Glob::Compile(pattern + "b");
  ASSERT_TRUE(glob.ok());
  const std::string text(64 << 10, 'a');
  EXPECT_FALSE(glob->Matches(text));
  const auto wild = Glob::Compile("*" + std::string(63, '?') + "b*");
  ASSERT_TRUE(wild.ok());
  EXPECT_FALSE(wild->Matches(text));
}

}  // namespace
}  // namespace daemoneye::event
