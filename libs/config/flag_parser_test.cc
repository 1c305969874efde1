#include "libs/config/flag_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FlagParserTest : public testing::Test {
 protected:
  LayerValues Parse(const std::vector<std::string>& args) {
    LayerValues out(table_, index_);
    ParseFlags(args, out);
    return out;
  }
  // The value that `args` give `key`.
  OptionValue ValueOf(const std::string& key, const std::vector<std::string>& args) {
    const LayerValues out = Parse(args);
    EXPECT_THAT(out.errors(), IsEmpty());
    const auto value = out.values().find(*index_.Find(key));
    return value == out.values().end() ? OptionValue("(not set)") : value->second.value;
  }

  const OptionTable table_ = EveryTypeTable();
  const NameIndex index_ = NameIndex::Create(table_).value();
};

TEST_F(FlagParserTest, TakesEverySpelling) {
  const OptionValue minute(absl::Minutes(1));
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"--interval", "60"},
                                             {"--interval=60"},
                                             {"--interval=1m"},
                                             {"--collection_interval=60"},
                                             {"--collection-interval", "60"},
                                             {"--period=60"}}) {
    EXPECT_EQ(ValueOf("collection_interval", args), minute) << args[0];
  }
  EXPECT_EQ(ValueOf("node_name", {"--node-name", "-x"}), OptionValue("-x"));
  EXPECT_EQ(ValueOf("node_name", {"--node-name=--x"}), OptionValue("--x"));
  EXPECT_EQ(ValueOf("node_name", {"--node_name="}), OptionValue(""));
  EXPECT_EQ(ValueOf("node_name", {"--node_name", ""}), OptionValue(""));
}

TEST_F(FlagParserTest, TakesEverySpellingOfABoolean) {
  for (const char* arg : {"--turbo", "--turbo=true", "--turbo=1", "--turbo=yes"}) {
    EXPECT_EQ(ValueOf("turbo", {arg}), OptionValue(true)) << arg;
  }
  for (const char* arg : {"--noturbo", "--no-turbo", "--no_turbo", "--turbo=false", "--turbo=0"}) {
    EXPECT_EQ(ValueOf("turbo", {arg}), OptionValue(false)) << arg;
  }
}

TEST_F(FlagParserTest, TellsEveryMistake) {
  const struct {
    std::vector<std::string> args;
    const char* want;
  } cases[] = {
      {{"--turbo", "false"},
       "stray argument 'false' (to set --turbo, write --turbo=true or --turbo=false)"},
      {{"x"}, "stray argument 'x'"},
      {{""}, "stray argument ''"},
      {{"--"}, "stray argument '--'"},
      {{"-interval"}, "stray argument '-interval': flags begin with --"},
      {{"\x1b[31m"}, "stray argument '\\x1b[31m'"},
      {{"--intervall=60"}, "unknown flag --intervall (did you mean --interval?)"},
      {{"--frobnicate"}, "unknown flag --frobnicate (see --help)"},
      {{"--=x"}, "unknown flag -- (see --help)"},
      {{"--interval"}, "--interval: needs a value: --interval=VALUE"},
      {{"--interval", "--turbo"}, "--interval: needs a value: --interval=VALUE"},
      {{"--interval", "4"}, "--interval: 4 is below 5 (seconds, 5..3600)"},
      {{"--noturbo=true"}, "--noturbo: takes no value; write --turbo=false"},
      {{"--nointerval"}, "--nointerval: interval is not a boolean"},
      {{"--interval=5", "--interval=6"}, "--interval: given twice"},
      {{"--interval=5", "--collection_interval=6"},
       "--collection_interval: is the same setting as --interval; give one of them"},
      {{"--turbo", "--noturbo"}, "--noturbo: is the same setting as --turbo; give one of them"},
  };
  for (const auto& c : cases) EXPECT_THAT(Parse(c.args).errors(), ElementsAre(c.want)) << c.want;
}

TEST_F(FlagParserTest, GoesOnBehindAMistake) {
  const LayerValues out = Parse({"--bad_one", "--count=99", "stray", "--mode=slow"});
  EXPECT_EQ(out.errors().size(), 3u);
  EXPECT_EQ(out.values().size(), 1u);
}

}  // namespace
}  // namespace daemoneye::config
