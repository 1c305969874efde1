#include "libs/linux/procfs/cmdline_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace daemoneye::procfs {
namespace {

using ::testing::ElementsAreArray;
using namespace std::string_view_literals;

TEST(CmdlineParserTest, SplitsAtNuls) {
  const struct {
    std::string_view bytes;
    std::vector<std::string_view> arguments;
  } kCases[] = {
      {""sv, {}},
      {"a\0"sv, {"a"}},
      {"a\0b c\0"sv, {"a", "b c"}},
      {"a\0\0b\0"sv, {"a", "", "b"}},
      {"sh\0-c\0\0"sv, {"sh", "-c", ""}},
      {"\0a\0"sv, {"", "a"}},
      {"no nul"sv, {"no nul"}},
      {"a\0no nul"sv, {"a", "no nul"}},
      {"title: padded\0\0\0\0\0"sv, {"title: padded"}},
      {"\0"sv, {""}},
      {"\0\0"sv, {"", ""}},
      {"\xff\xfe\0\x1b[0m\0"sv, {"\xff\xfe", "\x1b[0m"}},
  };
  std::vector<std::string_view> arguments = {"what was there"};
  for (const auto& c : kCases) {
    EXPECT_EQ(SplitCmdline(c.bytes, 100, arguments), c.arguments.size());
    EXPECT_THAT(arguments, ElementsAreArray(c.arguments)) << c.bytes;
  }
}

TEST(CmdlineParserTest, TellsHowManyArgumentsThereAreBeyondTheBound) {
  std::vector<std::string_view> arguments;
  EXPECT_EQ(SplitCmdline("a\0b\0c\0d\0"sv, 2, arguments), 4u);
  EXPECT_THAT(arguments, ElementsAreArray({"a", "b"}));
}

}  // namespace
}  // namespace daemoneye::procfs
