#include "libs/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFile[] = "/etc/daemoneye/demo.yaml";

std::string ErrorOf(const ConfigInput& input, OptionTable table = EveryTypeTable()) {
  return Config::Load(std::move(table), input).status().ToString();
}

TEST(ConfigTest, HigherLayersWinAndEachValueKnowsItsLayer) {
  const Config config =
      Config::Load(EveryTypeTable(),
                   FakeInput({"--count=3"}, {"DAEMONEYE_COUNT=2", "DAEMONEYE_MODE=slow"},
                             {{kFile, "count: 1\nmode: fast\nname: filed\n"}}))
          .value();
  EXPECT_EQ(config.GetInt("count"), 3);
  EXPECT_EQ(config.layer("count"), Layer::kFlag);
  EXPECT_EQ(config.GetString("mode"), "slow");
  EXPECT_EQ(config.layer("mode"), Layer::kEnvironment);
  EXPECT_EQ(config.GetString("name"), "filed");
  EXPECT_EQ(config.layer("name"), Layer::kFile);
  EXPECT_EQ(config.GetDouble("ratio"), 0.5);
  EXPECT_EQ(config.layer("ratio"), Layer::kDefault);
  EXPECT_EQ(config.file(), kFile);
  EXPECT_EQ(config.generation(), 1u);
}

TEST(ConfigTest, AnswersByEveryNameOfASetting) {
  const Config config = Config::Load(EveryTypeTable(), FakeInput({})).value();
  for (const char* name : {"interval", "collection_interval", "period"}) {
    EXPECT_EQ(config.GetDuration(name), absl::Seconds(30));
    EXPECT_TRUE(config.Has(name));
  }
  EXPECT_EQ(config.GetBytes("size"), 16u << 20);
  EXPECT_THAT(config.GetList("items"), ElementsAre("a"));
  EXPECT_TRUE(config.GetMap("tags").empty());
  EXPECT_FALSE(config.GetBool("turbo"));
  EXPECT_FALSE(config.Has("frobnicate"));
  EXPECT_EQ(config.file(), "");
}

TEST(ConfigDeathTest, AskingForWhatTheTableLacksIsADefect) {
  const Config config = Config::Load(EveryTypeTable(), FakeInput({})).value();
  EXPECT_DEATH(config.GetInt("frobnicate"), "there is no setting frobnicate");
  EXPECT_DEATH(config.GetInt("mode"), "setting mode is of another type");
}

TEST(ConfigTest, TellsTheMistakesOfAllLayersAtOnce) {
  EXPECT_EQ(ErrorOf(FakeInput({"--count=11"}, {"DAEMONEYE_MOOD=1"}, {{kFile, "ratio: 2\n"}})),
            "INVALID_ARGUMENT: /etc/daemoneye/demo.yaml:1: ratio: 2 is above 1 (0..1); unknown "
            "environment variable DAEMONEYE_MOOD (did you mean DAEMONEYE_MODE?); --count: 11 is "
            "above 10 (events, 0..10)");
}

TEST(ConfigTest, TellsTenMistakesAndCountsTheRest) {
  EXPECT_THAT(ErrorOf(FakeInput(std::vector<std::string>(5000, "x"))),
              HasSubstr("; and 4990 more"));
}

TEST(ConfigTest, RefusesABadValueEvenWhereAHigherLayerWins) {
  EXPECT_THAT(ErrorOf(FakeInput({"--count=1"}, {}, {{kFile, "count: 99\n"}})),
              HasSubstr("99 is above 10"));
}

TEST(ConfigTest, AFileThatIsAskedForMustBeThere) {
  EXPECT_TRUE(Config::Load(EveryTypeTable(), FakeInput({})).ok());
  EXPECT_THAT(ErrorOf(FakeInput({"--config=/x"})), HasSubstr("NOT_FOUND: /x"));
  EXPECT_THAT(ErrorOf(FakeInput({}, {"DAEMONEYE_CONFIG=/x"})), HasSubstr("NOT_FOUND: /x"));
  // Empty: none, not even the default one.
  EXPECT_EQ(Config::Load(EveryTypeTable(), FakeInput({"--config="}, {}, {{kFile, "count: 5"}}))
                ->GetInt("count"),
            1);
}

TEST(ConfigTest, AnUnreadableDefaultFileIsAnError) {
  ConfigInput input;
  input.read_file = [](const std::string&, size_t) {
    return absl::PermissionDeniedError("no such luck");
  };
  EXPECT_THAT(ErrorOf(input), HasSubstr("PERMISSION_DENIED: no such luck"));
}

TEST(ConfigTest, RunsTheTablesChecks) {
  OptionTable table = EveryTypeTable();
  table.checks.push_back([](const Config& config) {
    return config.GetInt("count") == 7 ? absl::InvalidArgumentError("count: not 7, please")
                                       : absl::OkStatus();
  });
  EXPECT_TRUE(Config::Load(table, FakeInput({"--count=6"})).ok());
  EXPECT_THAT(ErrorOf(FakeInput({"--count=7"}), table), HasSubstr("count: not 7, please"));
}

TEST(ConfigTest, RefusesATableThatIsWrong) {
  OptionTable twice = EveryTypeTable();
  twice.specs.push_back({.key = "period"});
  EXPECT_THAT(ErrorOf(FakeInput({}), twice), HasSubstr("INTERNAL: two settings are named period"));
  OptionTable bad_default = EveryTypeTable();
  bad_default.specs[1].default_text = "11";
  EXPECT_THAT(ErrorOf(FakeInput({}), bad_default), HasSubstr("INTERNAL: default of count"));
  OptionTable bad_name = EveryTypeTable();
  bad_name.specs.push_back({.key = "Not-Snake"});
  EXPECT_THAT(ErrorOf(FakeInput({}), bad_name), HasSubstr("is not snake_case"));
}

TEST(ConfigFingerprintTest, TellsValuesApartButNotTheirLayerNorSecrets) {
  const auto fingerprint = [](std::vector<std::string> args,
                              std::vector<std::string> environment = {}) {
    return Config::Load(EveryTypeTable(), FakeInput(std::move(args), std::move(environment)))
        ->Fingerprint();
  };
  const std::string defaults = fingerprint({});
  EXPECT_THAT(defaults, testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(fingerprint({}), defaults);
  EXPECT_NE(fingerprint({"--count=2"}), defaults);
  EXPECT_EQ(fingerprint({"--count=2"}), fingerprint({}, {"DAEMONEYE_COUNT=2"}));
  EXPECT_NE(fingerprint({"--name=ab"}), fingerprint({"--name=a"}));
  EXPECT_EQ(fingerprint({"--password=hunter2"}), defaults);
}

TEST(PrintConfigTest, ShowsTheLayerAndNeverASecret) {
  const std::string printed =
      Config::Load(EveryTypeTable(), FakeInput({"--interval=60", "--password=hunter2", "--check"},
                                               {"DAEMONEYE_COUNT=2"}, {{kFile, "\nname: n\n"}}))
          ->PrintConfig();
  EXPECT_THAT(printed, HasSubstr("# demo: file /etc/daemoneye/demo.yaml\n"));
  EXPECT_THAT(printed, HasSubstr("\ncollection_interval: 60s  # from flag --interval\n"));
  EXPECT_THAT(printed, HasSubstr("\ncount: 2  # from environment DAEMONEYE_COUNT\n"));
  EXPECT_THAT(printed, HasSubstr("\nname: \"n\"  # from file /etc/daemoneye/demo.yaml:2\n"));
  EXPECT_THAT(printed, HasSubstr("\nratio: 0.5  # from default\n"));
  EXPECT_THAT(printed, HasSubstr("\n# password: (secret)  # from flag --password\n"));
  EXPECT_THAT(printed, HasSubstr("\n# config: "));
  EXPECT_THAT(printed, Not(HasSubstr("hunter2")));
  EXPECT_THAT(printed, Not(HasSubstr("check")));
}

}  // namespace
}  // namespace daemoneye::config
