#include "libs/alerting/alertmanager_alert.h"

#include <nlohmann/json.hpp>
#include <string>

#include "gmock/gmock.h"

namespace daemoneye::alerting {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Json = nlohmann::json;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Alert Shell() {
  v1::Alert alert;
  alert.set_id("f0000000-0000-4000-8000-000000000001");
  alert.mutable_time()->set_seconds(absl::ToUnixSeconds(kNow) - 7200);
  alert.mutable_time()->set_nanos(5'000'000);
  alert.set_severity(v1::SEVERITY_HIGH);
  alert.set_title("A shell of a web server");
  alert.set_trigger_id("web-shell");
  alert.set_host("h1");
  alert.set_process_name("sh");
  alert.set_process_key("0-1-12-99");
  alert.set_pid(12);
  alert.set_executable_path("/bin/sh");
  alert.set_correlation_id("c-1");
  alert.set_suppressed(4);
  alert.add_attack_ids("T1505.003");
  (*alert.mutable_details())["b"] = "2";
  (*alert.mutable_details())["a"] = "1";
  alert.mutable_completeness()->add_reasons("gap on h2");
  v1::Origin& origin = *alert.add_evidence();
  origin.set_monitor("procmond");
  origin.set_stream_id("s");
  origin.set_sequence(5);
  return alert;
}

Json Format(const v1::Alert& alert, const AlertmanagerFormat& format = {}) {
  return Json::parse(AlertmanagerAlert(alert, format, kNow));
}

TEST(AlertmanagerAlertTest, LabelsAreWhatTellsAlertsApartAndAllElseIsAnnotations) {
  const Json json = Format(Shell());
  EXPECT_EQ(json["labels"], (Json{{"alertname", "web-shell"},
                                  {"rule", "trigger"},
                                  {"severity", "high"},
                                  {"host", "h1"},
                                  {"process_name", "sh"},
                                  {"process_key", "0-1-12-99"},
                                  {"source", "daemoneye"}}));
  const Json& annotations = json["annotations"];
  EXPECT_EQ(annotations["summary"], "A shell of a web server");
  EXPECT_EQ(annotations["alert_id"], Shell().id());
  EXPECT_EQ(annotations["correlation_id"], "c-1");
  EXPECT_EQ(annotations["executable_path"], "/bin/sh");
  EXPECT_EQ(annotations["pid"], "12");
  EXPECT_EQ(annotations["attack_ids"], "T1505.003");
  EXPECT_EQ(annotations["evidence"], "procmond/s/5");
  EXPECT_EQ(annotations["suppressed"], "4");
  EXPECT_EQ(annotations["completeness"], "degraded: gap on h2");
  EXPECT_EQ(annotations["details"], "a = 1\nb = 2");
  EXPECT_THAT(annotations["description"].get<std::string>(), HasSubstr("trigger=web-shell"));
}

TEST(AlertmanagerAlertTest, TheSameToldAgainHasTheSameLabels) {
  v1::Alert again = Shell();
  again.set_id("f0000000-0000-4000-8000-000000000002");
  again.set_suppressed(9);
  again.mutable_time()->set_seconds(again.time().seconds() + 300);
  EXPECT_EQ(Format(again)["labels"], Format(Shell())["labels"]);
  // One alert does not hide another process, host, severity or rule.
  again.set_process_key("0-1-13-99");
  EXPECT_NE(Format(again)["labels"], Format(Shell())["labels"]);
}

TEST(AlertmanagerAlertTest, WithoutAProcessAlertsAreToldApartByTheirIds) {
  v1::Alert alert = Shell();
  alert.clear_process_key();
  EXPECT_EQ(Format(alert)["labels"]["alert_id"], Shell().id());
}

TEST(AlertmanagerAlertTest, OneOfAWorkflowHasItsName) {
  v1::Alert alert = Shell();
  alert.clear_trigger_id();
  alert.set_workflow_id("default");
  EXPECT_EQ(Format(alert)["labels"]["alertname"], "default");
  EXPECT_EQ(Format(alert)["labels"]["rule"], "workflow");
  alert.clear_workflow_id();
  EXPECT_EQ(Format(alert)["labels"]["alertname"], "daemoneye");
}

TEST(AlertmanagerAlertTest, EndsAfterItWasSentSoThatALateOneIsStillTold) {
  const Json json = Format(Shell(), {.resolve_after = absl::Minutes(10)});
  EXPECT_EQ(json["startsAt"], "2023-11-14T20:13:20.005000000Z");
  EXPECT_EQ(json["endsAt"], "2023-11-14T22:23:20.000000000Z");
  v1::Alert future = Shell();
  future.mutable_time()->set_seconds(absl::ToUnixSeconds(kNow) + 9999);
  EXPECT_EQ(Format(future)["startsAt"], "2023-11-14T22:13:20.000000000Z");
}

TEST(AlertmanagerAlertTest, LinksToWhatTheConfigurationNames) {
  EXPECT_FALSE(Format(Shell()).contains("generatorURL"));
  EXPECT_EQ(Format(Shell(), {.generator_url = "https://w/?a={alert_id}"})["generatorURL"],
            "https://w/?a=" + Shell().id());
}

TEST(AlertmanagerAlertTest, HostileTextsAreSafeValidAndBounded) {
  v1::Alert alert = Shell();
  alert.set_title("\xff\x1b[2J\xe2\x80\xae \"quoted\"");
  alert.set_process_name("\xc3");
  alert.set_host(std::string(100'000, 'h'));
  for (int i = 0; i < 100; ++i) {
    (*alert.mutable_details())["n\n" + std::to_string(i)] = std::string(1000, '\x01');
  }
  const std::string text = AlertmanagerAlert(alert, {}, kNow);
  EXPECT_LT(text.size(), 64u << 10);
  for (const char c : text) EXPECT_TRUE(c >= ' ' && c < '\x7f') << static_cast<int>(c);
  const Json json = Json::parse(text);
  EXPECT_EQ(json["annotations"]["summary"], "\\xff\\x1b[2J\\u{202e} \"quoted\"");
  EXPECT_EQ(json["labels"]["process_name"], "\\xc3");
  EXPECT_THAT(json["labels"]["host"].get<std::string>(), SizeIs(::testing::Le(270u)));
}

TEST(AlertmanagerAlertTest, WhatIsUnknownIsLeftOut) {
  v1::Alert alert;
  alert.set_id("x");
  const Json json = Format(alert);
  for (const auto& [name, value] : json["labels"].items()) EXPECT_NE(value, "") << name;
  for (const auto& [name, value] : json["annotations"].items()) EXPECT_NE(value, "") << name;
  EXPECT_FALSE(json.contains("startsAt"));
  EXPECT_FALSE(json["labels"].contains("host"));
}

}  // namespace
}  // namespace daemoneye::alerting
