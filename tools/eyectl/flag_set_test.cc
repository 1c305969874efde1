#include "tools/eyectl/flag_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::eyectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FlagSetTest : public ::testing::Test {
 protected:
  FlagSetTest() {
    flags_.AddText("address", "ADDR", "where", &address_);
    flags_.AddBool("follow", "go on", &follow_);
    flags_.AddUnsigned("max", "at most", &max_);
    flags_.AddDuration("first_wait", "how long", &wait_);
    flags_.Add({"pid", "PID", "a pid",
                [this](std::string_view v) {
                  pids_.emplace_back(v);
                  return absl::OkStatus();
                },
                true});
  }

  absl::StatusOr<std::vector<std::string>> Parse(std::vector<std::string> args) {
    return flags_.Parse(args);
  }
  std::string ErrorOf(std::vector<std::string> args) {
    return std::string(flags_.Parse(args).status().message());
  }

  FlagSet flags_;
  std::string address_ = "default";
  bool follow_ = true;
  uint64_t max_ = 0;
  absl::Duration wait_;
  std::vector<std::string> pids_;
};

TEST_F(FlagSetTest, TakesBothSpellingsOfAValueAndOfAName) {
  ASSERT_TRUE(
      Parse({"--address=a", "--max", "7", "--first-wait=250ms", "--pid=1", "--pid", "2"}).ok());
  EXPECT_EQ(address_, "a");
  EXPECT_EQ(max_, 7u);
  EXPECT_EQ(wait_, absl::Milliseconds(250));
  EXPECT_THAT(pids_, ElementsAre("1", "2"));
}

TEST_F(FlagSetTest, BooleanNeverTakesTheNextArgument) {
  const auto rest = Parse({"--follow", "false"});
  ASSERT_TRUE(rest.ok());
  EXPECT_TRUE(follow_);
  EXPECT_THAT(*rest, ElementsAre("false"));
  ASSERT_TRUE(Parse({"--follow=false"}).ok());
  EXPECT_FALSE(follow_);
}

TEST_F(FlagSetTest, KeepsPositionalArgumentsAndAllBehindTwoDashes) {
  const auto rest = Parse({"one", "--max=1", "--", "--max", "two"});
  ASSERT_TRUE(rest.ok());
  EXPECT_THAT(*rest, ElementsAre("one", "--max", "two"));
}

TEST_F(FlagSetTest, EmptyValueIsAValue) {
  ASSERT_TRUE(Parse({"--address="}).ok());
  EXPECT_THAT(address_, IsEmpty());
}

TEST_F(FlagSetTest, RefusesWithAMessageThatSaysWhatIsRight) {
  const struct {
    std::vector<std::string> args;
    std::string message;
  } cases[] = {
      {{"--adress=a"}, "unknown flag --adress; did you mean --address?"},
      {{"--zzzzzzzz"}, "unknown flag --zzzzzzzz"},
      {{"--max"}, "--max wants a value: --max=N"},
      {{"--max=-1"}, "--max: '-1' is not a whole number of at least 0"},
      {{"--max=12x"}, "--max: '12x' is not a whole number"},
      {{"--max="}, "--max: '' is not a whole number"},
      {{"--max=18446744073709551616"}, "is not a whole number"},
      {{"--follow=yes"}, "--follow: 'yes' is neither true nor false"},
      {{"--first_wait=5"}, "--first_wait: '5' is not a duration such as"},
      {{"--first_wait=-5s"}, "--first_wait: '-5s' is not a duration such as"},
      {{"--max=1", "--max=2"}, "--max is given twice"},
      {{"--a\x1b[31m"}, "unknown flag --a\\x1b[31m"},
  };
  for (const auto& c : cases) EXPECT_THAT(ErrorOf(c.args), HasSubstr(c.message));
}

TEST_F(FlagSetTest, HelpHasALineForEachFlag) {
  EXPECT_THAT(flags_.Help(), HasSubstr("--first_wait=TIME"));
  EXPECT_THAT(flags_.Help(), HasSubstr("(repeatable)"));
}

}  // namespace
}  // namespace daemoneye::eyectl
