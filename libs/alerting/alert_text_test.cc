#include "libs/alerting/alert_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "gmock/gmock.h"

namespace daemoneye::alerting {
namespace {

v1::Alert MakeAlert() {
  v1::Alert alert;
  alert.set_id("f0000000-0000-4000-8000-000000000001");
  alert.set_sequence(17);
  alert.mutable_time()->set_seconds(1'700'000'000);
  alert.mutable_time()->set_nanos(123'000'000);
  alert.set_severity(v1::SEVERITY_HIGH);
  alert.set_title("A shell under a web server");
  alert.set_trigger_id("web-shell");
  alert.set_host("h1");
  alert.set_process_name("my shell");
  alert.set_pid(12);
  v1::Origin& origin = *alert.add_evidence();
  origin.set_monitor("procmond");
  origin.set_stream_id("s");
  origin.set_sequence(5);
  return alert;
}

TEST(AlertTextTest, LineNamesWhatAPersonNeeds) {
  EXPECT_EQ(AlertLine(MakeAlert()),
            "2023-11-14T22:13:20.123Z HIGH alert 17: A shell under a web server trigger=web-shell "
            "host=h1 process=\"my shell\" pid=12 evidence=procmond/s/5 "
            "id=f0000000-0000-4000-8000-000000000001");
}

TEST(AlertTextTest, LineTellsSuppressedAndIncomplete) {
  v1::Alert alert = MakeAlert();
  alert.set_suppressed(3);
  alert.mutable_completeness()->add_reasons("gap on a");
  EXPECT_THAT(AlertLine(alert), ::testing::HasSubstr("suppressed=3"));
  EXPECT_THAT(AlertLine(alert), ::testing::HasSubstr("incomplete=\"gap on a\""));
}

TEST(AlertTextTest, NothingFromOutsideReachesATerminalUnescaped) {
  v1::Alert alert = MakeAlert();
  const std::string bad = "a\x1b[2J\nb\u202e\u009b";
  for (std::string* text : {alert.mutable_title(), alert.mutable_process_name(),
                            alert.mutable_host(), alert.mutable_executable_path()}) {
    *text = bad;
  }
  (*alert.mutable_details())[bad] = bad;
  alert.mutable_evidence(0)->set_monitor(bad);
  for (const std::string& text : {AlertLine(alert), AlertJson(alert)}) {
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; })) << text;
  }
}

TEST(AlertTextTest, JsonCarriesEveryFieldUnderItsProtoName) {
  v1::Alert alert = MakeAlert();
  alert.set_title("\u202e\"quoted\"");
  const auto json = nlohmann::json::parse(AlertJson(alert));
  EXPECT_EQ(json["title"], "\u202e\"quoted\"");
  EXPECT_EQ(json["severity"], "SEVERITY_HIGH");
  EXPECT_EQ(json["trigger_id"], "web-shell");
  EXPECT_EQ(json["sequence"], "17");
  EXPECT_EQ(json["evidence"][0]["sequence"], "5");
  EXPECT_EQ(json["suppressed"], "0");
}

TEST(AlertTextTest, SeverityOfAnotherVersionIsNamedSo) {
  EXPECT_EQ(SeverityName(v1::SEVERITY_LOW), "LOW");
  EXPECT_EQ(SeverityName(static_cast<v1::Severity>(99)), "UNSPECIFIED");
}

}  // namespace
}  // namespace daemoneye::alerting
