#include "services/collector_gateway/trigger_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "libs/config/fake_input.h"
#include "services/collector_gateway/gateway_options.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<TriggerConfig> Read(const std::string& yaml) {
  const absl::StatusOr<config::Config> config = config::Config::Load(
      GatewayOptions(), config::FakeInput({"--config=/f"}, {}, {{"/f", yaml}}));
  if (!config.ok()) return config.status();
  return ReadTriggerConfig(*config);
}

constexpr char kFile[] = R"(
default_triggers: false
lists:
  admins: [root, 0]
triggers:
- id: a
  description: Somebody runs netcat
  condition: {process_name_pattern: {pattern: nc}}
  severity: HIGH
- id: b
  condition:
    sql: |
      user_name IN (SELECT value FROM lists
                    WHERE list = 'admins')
  exceptions: [pid = 1]
overrides:
  a: {enabled: false, severity: LOW, exceptions: [pid = 2]}
  b: {exceptions: ["name = 'x'"]}
)";

TEST(TriggerConfigTest, ReadsTriggersListsAndOverrides) {
  const absl::StatusOr<TriggerConfig> config = Read(kFile);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->triggers.size(), 2u);
  const v1::Trigger& a = config->triggers.at("a");
  EXPECT_EQ(a.managed_by(), v1::TRIGGER_MANAGER_FILE);
  EXPECT_TRUE(a.has_enabled());
  EXPECT_FALSE(a.enabled());
  EXPECT_EQ(a.severity(), v1::SEVERITY_LOW);
  EXPECT_EQ(a.description(), "Somebody runs netcat");
  EXPECT_THAT(config->triggers.at("b").exceptions(), ElementsAre("pid = 1", "name = 'x'"));
  EXPECT_THAT(config->triggers.at("b").condition().sql(), HasSubstr("list = 'admins'"));
  EXPECT_THAT(config->lists.at("admins"), ElementsAre("root", "0"));
}

TEST(TriggerConfigTest, TheFirstMistakeRefusesTheWholeAndNamesItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"triggers: [{id: a, condition: {sqll: x}}]",
       "triggers[0].condition.sqll: unknown field (did you mean sql?)"},
      {"triggers: [{id: a, condition: {sql: x}}, {id: a, condition: {sql: x}}]",
       "triggers[1].id: a is the id of triggers[0], too"},
      {"triggers: [{id: 'a b', condition: {sql: x}}]", "triggers[0].id: must be"},
      {"triggers: [{id: a}]", "triggers[0].condition: "},
      {"triggers: [{id: a, condition: {sql: x}, etag: e}]", "triggers[0].etag: is set by"},
      {"overrides: {cryptominr: {enabled: false}}",
       "overrides.cryptominr: there is no such trigger (did you mean cryptominer?)"},
      {"overrides: {cryptominer: {description: x}}",
       "overrides.cryptominer: only enabled, severity and exceptions can be overridden"},
      {"overrides: [cryptominer]", "overrides: wants a mapping"},
      {"lists: {a: b}", "lists.a: wants a list"},
  };
  for (const auto& [yaml, error] : cases) {
    EXPECT_THAT(Read(yaml).status().message(), HasSubstr(error)) << yaml;
  }
}

TEST(TriggerConfigTest, TheDefaultSetIsTwentyTriggersThatSayWhatTheyAre) {
  const std::vector<v1::Trigger> triggers = DefaultTriggers().value();
  EXPECT_EQ(triggers.size(), 20u);
  for (const v1::Trigger& trigger : triggers) {
    SCOPED_TRACE(trigger.id());
    EXPECT_FALSE(trigger.description().empty());
    EXPECT_FALSE(trigger.attack_ids().empty());
    EXPECT_NE(trigger.severity(), v1::SEVERITY_UNSPECIFIED);
    const auto has_test = [&](bool match) {
      return std::ranges::any_of(trigger.tests(),
                                 [&](const v1::TriggerTest& t) { return t.match() == match; });
    };
    EXPECT_TRUE(has_test(true));
    EXPECT_TRUE(has_test(false));
  }
}

TEST(TriggerConfigTest, TheDefaultSetCanBeTurnedOffAndReplaced) {
  EXPECT_EQ(Read("")->triggers.size(), 20u);
  EXPECT_EQ(Read("default_triggers: false")->triggers.size(), 0u);
  const TriggerConfig config =
      Read("triggers: [{id: cryptominer, condition: {sql: name = 'x'}}]").value();
  EXPECT_EQ(config.triggers.size(), 20u);
  EXPECT_EQ(config.triggers.at("cryptominer").condition().sql(), "name = 'x'");
  EXPECT_EQ(config.triggers.at("cryptominer").tests_size(), 0);
}

}  // namespace
}  // namespace daemoneye::gateway
