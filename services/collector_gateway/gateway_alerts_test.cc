#include "services/collector_gateway/gateway_alerts.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "libs/config/fake_input.h"
#include "services/collector_gateway/gateway_options.h"

namespace daemoneye::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

config::Config Load(const std::string& yaml) {
  return *config::Config::Load(GatewayOptions(),
                               config::FakeInput({"--config=/f"}, {}, {{"/f", yaml}}));
}

class GatewayAlertsTest : public ::testing::Test {
 protected:
  GatewayAlertsTest() {
    char name[] = "/tmp/gateway_alerts.XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~GatewayAlertsTest() override { std::filesystem::remove_all(folder_); }

  std::string FileSinks(const std::string& name) const {
    return fmt::format("sinks: [{{name: file, type: file, path: {}/{}}}]", folder_, name);
  }
  void Start(const std::string& yaml) {
    auto alerts = GatewayAlerts::Create(Load(yaml), nullptr, registry_, base::Clock::Real());
    ASSERT_TRUE(alerts.ok()) << alerts.status();
    alerts_ = *std::move(alerts);
    ASSERT_TRUE(alerts_->Start().ok());
  }
  void Raise(const std::string& title) {
    alerting::AlertDraft draft;
    draft.alert.set_title(title);
    draft.alert.set_trigger_id(title);
    draft.alert.set_severity(v1::SEVERITY_HIGH);
    ASSERT_EQ(alerts_->engine().Raise(std::move(draft)), alerting::RaiseOutcome::kAccepted);
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name);
    return (std::ostringstream() << file.rdbuf()).str();
  }

  std::string folder_;
  metrics::Registry registry_;
  std::unique_ptr<GatewayAlerts> alerts_;
};

TEST_F(GatewayAlertsTest, WhatIsRaisedIsWrittenCountedAndKeptByTheTimeItHasStopped) {
  Start(FileSinks("a"));
  Raise("first");
  alerts_->Stop();
  EXPECT_THAT(Read("a"), HasSubstr("\"title\":\"first\""));
  EXPECT_EQ(alerts_->alerts().List({}, 0, 10)->size(), 1u);
  const std::string page = registry_.Scrape();
  EXPECT_THAT(page, HasSubstr("daemoneye_alerts_total{severity=\"high\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("daemoneye_alerts_total{severity=\"low\"} 0\n"));
  EXPECT_THAT(
      page, HasSubstr("daemoneye_alert_deliveries_total{sink=\"file\",status=\"delivered\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("daemoneye_alert_outbox_length{sink=\"file\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("daemoneye_alert_sink_up{sink=\"file\"} 1\n"));
}

TEST_F(GatewayAlertsTest, AReloadExchangesTheSinks) {
  Start(FileSinks("a"));
  auto prepared = GatewayAlerts::Prepare(Load(FileSinks("b")), base::Clock::Real());
  ASSERT_TRUE(prepared.ok());
  ASSERT_TRUE(alerts_->Commit(*std::move(prepared)).ok());
  Raise("second");
  alerts_->Stop();
  EXPECT_THAT(Read("a"), IsEmpty());
  EXPECT_THAT(Read("b"), HasSubstr("second"));
}

TEST_F(GatewayAlertsTest, ASecretThatCannotBeReadRefusesTheGenerationByName) {
  const auto prepared = GatewayAlerts::Prepare(
      Load("sinks: [{name: a, type: stdout}, {name: b, type: webhook, url: https://h/, "
           "secret_file: /nowhere/key}]"),
      base::Clock::Real());
  EXPECT_TRUE(absl::IsInvalidArgument(prepared.status()));
  EXPECT_THAT(std::string(prepared.status().message()),
              HasSubstr("sinks[1].secret_file: cannot read /nowhere/key"));
}

TEST_F(GatewayAlertsTest, ASinkThatIsWrongRefusesTheConfiguration) {
  const auto loaded = config::Config::Load(
      GatewayOptions(),
      config::FakeInput({"--config=/f"}, {}, {{"/f", "sinks: [{name: a, type: fax}]"}}));
  EXPECT_THAT(std::string(loaded.status().message()), HasSubstr("sinks[0].type"));
}

}  // namespace
}  // namespace daemoneye::gateway
