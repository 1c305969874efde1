#include "libs/config/environment_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

using ::testing::IsEmpty;

class EnvironmentParserTest : public testing::Test {
 protected:
  LayerValues Parse(const std::vector<std::string>& environment) {
    LayerValues out(table_, index_);
    ParseEnvironment(environment, out);
    return out;
  }

  const OptionTable table_ = EveryTypeTable();
  const NameIndex index_ = NameIndex::Create(table_).value();
};

TEST_F(EnvironmentParserTest, TakesEveryNameOfASetting) {
  for (const char* name :
       {"DAEMONEYE_INTERVAL", "DAEMONEYE_COLLECTION_INTERVAL", "DAEMONEYE_PERIOD"}) {
    const LayerValues out = Parse({std::string(name) + "=60"});
    EXPECT_THAT(out.errors(), IsEmpty());
    ASSERT_EQ(out.values().size(), 1u);
    EXPECT_EQ(out.values().begin()->second.value, OptionValue(absl::Minutes(1)));
    EXPECT_EQ(out.values().begin()->second.where, name);
  }
}

TEST_F(EnvironmentParserTest, LeavesAloneWhatIsNotOurs) {
  const LayerValues out = Parse({"PATH=/bin", "INTERVAL=1", "DAEMONEYEX=1", "DAEMONEYE_NOEQUALS",
                                 "daemoneye_interval=1", ""});
  EXPECT_THAT(out.errors(), IsEmpty());
  EXPECT_THAT(out.values(), IsEmpty());
}

TEST_F(EnvironmentParserTest, IgnoresWhatKubernetesSetsForAService) {
  const LayerValues out =
      Parse({"DAEMONEYE_GATEWAY_SERVICE_HOST=10.0.0.1", "DAEMONEYE_GATEWAY_SERVICE_PORT=50050",
             "DAEMONEYE_GATEWAY_SERVICE_PORT_GRPC=50050", "DAEMONEYE_PORT=tcp://10.0.0.1:50050",
             "DAEMONEYE_PORT_50050_TCP_ADDR=10.0.0.1", "DAEMONEYE_SERVICE_HOST=10.0.0.1"});
  EXPECT_THAT(out.errors(), IsEmpty());
  EXPECT_THAT(out.values(), IsEmpty());
}

TEST_F(EnvironmentParserTest, TellsEveryMistake) {
  const struct {
    std::vector<std::string> environment;
    const char* want;
  } cases[] = {
      {{"DAEMONEYE_INTERVALL=60"},
       "unknown environment variable DAEMONEYE_INTERVALL (did you mean DAEMONEYE_INTERVAL?)"},
      {{"DAEMONEYE_interval=60"}, "unknown environment variable DAEMONEYE_interval"},
      {{"DAEMONEYE_INTERVAL=4"}, "DAEMONEYE_INTERVAL: 4 is below 5 (seconds, 5..3600)"},
      {{"DAEMONEYE_INTERVAL="},
       "DAEMONEYE_INTERVAL: '' is not a duration such as 30s, 500ms or 5m (seconds, 5..3600)"},
      {{"DAEMONEYE_CHECK=1"}, "DAEMONEYE_CHECK: can be given as the flag --check only"},
      {{"DAEMONEYE_INTERVAL=60", "DAEMONEYE_PERIOD=60"},
       "DAEMONEYE_PERIOD: is the same setting as DAEMONEYE_INTERVAL; give one of them"},
  };
  for (const auto& c : cases) {
    const LayerValues out = Parse(c.environment);
    ASSERT_EQ(out.errors().size(), 1u) << c.want;
    EXPECT_THAT(out.errors()[0], testing::StartsWith(c.want));
  }
}

}  // namespace
}  // namespace daemoneye::config
