// The default set as the gateway runs it: its SQL compiles, its tests pass, and most of it costs
// nothing while nothing of its kind happens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "libs/config/fake_input.h"
#include "services/collector_gateway/gateway_options.h"
#include "services/collector_gateway/gateway_triggers.h"

namespace daemoneye::gateway {
namespace {

using ::testing::HasSubstr;

absl::Status Check(const std::string& yaml) {
  return CheckTriggers(
      config::Config::Load(GatewayOptions(), config::FakeInput({"--config=/f"}, {}, {{"/f", yaml}}))
          .value());
}

class NoSink final : public trigger::MatchSink {
 public:
  bool OnMatch(const trigger::TriggerMatch& /*match*/) override { return true; }
  void OnTimeout(const trigger::TriggerMatch& /*match*/) override {}
  void OnRateLimited(const trigger::RateLimitNotice& /*notice*/) override {}
  void OnSuspended(const std::string& /*id*/, const std::string& /*reason*/) override {}
};

TEST(DefaultTriggersTest, CompileAndPassTheirTests) {
  NoSink sink;
  const trigger::TriggerEngine engine({}, sink, base::Clock::Real());
  const std::vector<v1::Trigger> triggers = DefaultTriggers().value();
  for (const v1::Trigger& trigger : triggers) {
    const v1::ValidateTriggerResponse answer = engine.Validate(trigger);
    EXPECT_TRUE(answer.valid()) << trigger.id() << ": " << answer.ShortDebugString();
  }
}

TEST(DefaultTriggersTest, AFileIsRefusedWhereATestFails) {
  EXPECT_EQ(Check(""), absl::OkStatus());
  EXPECT_THAT(Check("triggers: [{id: a, condition: {sql: pid = 1}, tests: [{match: true, "
                    "events: [{process: {pid: 2}}]}]}]")
                  .message(),
              HasSubstr("triggers[0].tests[0]"));
}

TEST(DefaultTriggersTest, AMistakeInSqlIsNamedWithItsPlaceAndPosition) {
  EXPECT_THAT(Check("triggers: [{id: a, condition: {sql: pid = 1}}, "
                    "{id: b, condition: {sql: pidd = 1}}]")
                  .message(),
              HasSubstr("triggers[1].condition"));
}

TEST(DefaultTriggersTest, WhatAnOverrideHasWrongIsNamedWhereTheUserWroteIt) {
  EXPECT_THAT(Check("overrides: {cryptominer: {exceptions: [pid = 1, nmae = 1]}}").message(),
              HasSubstr("overrides.cryptominer.exceptions[1]: unknown column \"nmae\""));
  EXPECT_THAT(Check("overrides: {cryptominer: {exceptions: [name = 'xmrig']}}").message(),
              HasSubstr("overrides.cryptominer: default_triggers["));
  EXPECT_EQ(Check("overrides: {cryptominer: {exceptions: [pid = 1], severity: LOW}}"),
            absl::OkStatus());
}

}  // namespace
}  // namespace daemoneye::gateway
