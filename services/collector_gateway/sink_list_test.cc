#include "services/collector_gateway/sink_list.h"

#include <string>

#include "gmock/gmock.h"

namespace daemoneye::gateway {
namespace {

using alerting::LineFormat;
using alerting::SinkConfig;
using alerting::SinkType;
using ::testing::HasSubstr;

TEST(SinkListTest, ReadsEveryKeyOfEveryType) {
  const auto sinks = ParseSinks(R"([
    {"name": "screen", "type": "stdout", "format": "json", "timeout": "2s"},
    {"name": "file", "type": "file", "path": "/var/a.jsonl", "minimum_severity": "LOW",
     "replay_dead_letters": true},
    {"name": "pager-1", "type": "webhook", "url": "https://h/x", "secret_file": "/etc/k",
     "ca_file": "/etc/ca.pem", "timeout": "1.5s", "connect_timeout": "500ms",
     "minimum_severity": "SEVERITY_HIGH"},
    {"name": "am", "type": "alertmanager", "url": "http://127.0.0.1:9093/am", "username": "eye",
     "password_file": "/etc/p", "ca_file": "/etc/ca.pem", "timeout": "2s",
     "connect_timeout": "1s", "resolve_after": "10m", "generator_url": "https://w/?a={alert_id}"},
    {"name": "ams", "type": "alertmanager", "urls": ["https://a", "https://b"],
     "bearer_token_file": "/etc/t"}])");
  ASSERT_TRUE(sinks.ok()) << sinks.status();
  ASSERT_EQ(sinks->size(), 5u);
  EXPECT_EQ((*sinks)[0], (SinkConfig{.name = "screen",
                                     .type = SinkType::kStdout,
                                     .format = LineFormat::kJson,
                                     .timeout = absl::Seconds(2)}));
  EXPECT_EQ((*sinks)[1], (SinkConfig{.name = "file",
                                     .type = SinkType::kFile,
                                     .minimum_severity = v1::SEVERITY_LOW,
                                     .replay_dead_letters = true,
                                     .path = "/var/a.jsonl"}));
  EXPECT_EQ((*sinks)[2], (SinkConfig{.name = "pager-1",
                                     .type = SinkType::kWebhook,
                                     .minimum_severity = v1::SEVERITY_HIGH,
                                     .urls = {"https://h/x"},
                                     .secret_file = "/etc/k",
                                     .ca_file = "/etc/ca.pem",
                                     .connect_timeout = absl::Milliseconds(500),
                                     .timeout = absl::Milliseconds(1500)}));
  EXPECT_EQ((*sinks)[3], (SinkConfig{.name = "am",
                                     .type = SinkType::kAlertmanager,
                                     .urls = {"http://127.0.0.1:9093/am"},
                                     .ca_file = "/etc/ca.pem",
                                     .connect_timeout = absl::Seconds(1),
                                     .username = "eye",
                                     .password_file = "/etc/p",
                                     .generator_url = "https://w/?a={alert_id}",
                                     .resolve_after = absl::Minutes(10),
                                     .timeout = absl::Seconds(2)}));
  EXPECT_EQ((*sinks)[4], (SinkConfig{.name = "ams",
                                     .type = SinkType::kAlertmanager,
                                     .urls = {"https://a", "https://b"},
                                     .bearer_token_file = "/etc/t"}));
}

TEST(SinkListTest, WithoutTheKeyThereIsOneSinkForPeople) {
  const auto sinks = ParseSinks("");
  ASSERT_TRUE(sinks.ok());
  ASSERT_EQ(sinks->size(), 1u);
  EXPECT_EQ((*sinks)[0].type, SinkType::kStdout);
  EXPECT_EQ((*sinks)[0].format, LineFormat::kText);
  EXPECT_TRUE(ParseSinks("[]")->empty());
}

TEST(SinkListTest, NamesWhatIsWrong) {
  const struct {
    const char* json;
    const char* error;
  } cases[] = {
      {"{}", "sinks: want a list"},
      {"[", "sinks: want a list"},
      {"[1]", "sinks[0]: want a mapping"},
      {R"([{"name": "a"}])", "sinks[0].type: is missing"},
      {R"([{"name": "a", "type": "mail"}])",
       "sinks[0].type: want stdout, file, webhook or alertmanager"},
      {R"([{"name": "a", "type": 1}])",
       "sinks[0].type: want stdout, file, webhook or alertmanager"},
      {R"([{"type": "stdout"}])", "sinks[0].name: is missing"},
      {R"([{"name": "A b", "type": "stdout"}])", "sinks[0].name: want 1..32 of"},
      {R"([{"name": 5, "type": "stdout"}])", "sinks[0].name: want a text"},
      {R"([{"name": "a", "type": "stdout"}, {"name": "a", "type": "stdout"}])",
       "sinks[1].name: a is given twice"},
      {R"([{"name": "a", "type": "stdout", "formt": "text"}])",
       "sinks[0].formt: no such key of a stdout sink (did you mean format?)"},
      {R"([{"name": "a", "type": "stdout", "path": "/x"}])", "sinks[0].path: no such key"},
      {R"([{"name": "a", "type": "stdout", "\u001b[2J": 1}])", "sinks[0].\\x1b[2J: no such key"},
      {R"([{"name": "a", "type": "stdout", "format": "xml"}])",
       "sinks[0].format: want text or json"},
      {R"([{"name": "a", "type": "stdout", "timeout": "0s"}])", "sinks[0].timeout: want"},
      {R"([{"name": "a", "type": "stdout", "timeout": 5}])", "sinks[0].timeout: want"},
      {R"([{"name": "a", "type": "stdout", "minimum_severity": "BAD"}])",
       "sinks[0].minimum_severity: want INFO"},
      {R"([{"name": "a", "type": "stdout", "minimum_severity": "UNSPECIFIED"}])",
       "sinks[0].minimum_severity: want INFO"},
      {R"([{"name": "a", "type": "stdout", "replay_dead_letters": 1}])",
       "sinks[0].replay_dead_letters: want true or false"},
      {R"([{"name": "a", "type": "file"}])", "sinks[0].path: is missing"},
      {R"([{"name": "a", "type": "file", "path": "x"}])", "sinks[0].path: want an absolute path"},
      {R"([{"name": "a", "type": "webhook"}])", "sinks[0].url: is missing"},
      {R"([{"name": "a", "type": "webhook", "url": "ftp://h"}])", "sinks[0].url: want https"},
      {R"([{"name": "a", "type": "webhook", "url": "http://h/"}])",
       "sinks[0].url: http is in clear text"},
      {R"([{"name": "a", "type": "webhook", "url": "https://h/", "secret_file": ""}])",
       "sinks[0].secret_file: want a text"},
      {R"([{"name": "a", "type": "alertmanager"}])", "sinks[0].url: want it, or urls"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h", "urls": ["https://h"]}])",
       "sinks[0].url: want it, or urls"},
      {R"([{"name": "a", "type": "alertmanager", "urls": []}])", "sinks[0].urls: want a list of"},
      {R"([{"name": "a", "type": "alertmanager", "urls": ["https://h", 1]}])",
       "sinks[0].urls: want a text"},
      {R"([{"name": "a", "type": "alertmanager", "url": "http://h:9093"}])",
       "sinks[0].url: http is in clear text"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://u:p@h"}])",
       "sinks[0].url: holds a user"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h/?x"}])",
       "sinks[0].url: holds a query"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h", "username": "u"}])",
       "sinks[0].username: goes with password_file"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h", "password_file": "/p"}])",
       "sinks[0].username: goes with password_file"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h", "username": "u:v",
            "password_file": "/p"}])",
       "sinks[0].username: want 1..256"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h", "username": "u",
            "password_file": "/p", "bearer_token_file": "/t"}])",
       "sinks[0].bearer_token_file: does not go with username"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h", "resolve_after": "5s"}])",
       "sinks[0].resolve_after: want a duration from 1m"},
      {R"([{"name": "a", "type": "alertmanager", "url": "https://h", "secret_file": "/k"}])",
       "sinks[0].secret_file: no such key of an alertmanager sink"},
  };
  for (const auto& c : cases) {
    const absl::Status status = ParseSinks(c.json).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.json;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.error)) << c.json;
  }
}

TEST(SinkListTest, TakesNoMoreThanItsBound) {
  std::string json = "[";
  for (size_t i = 0; i <= kMaxSinks; ++i) {
    json += (i == 0 ? "" : ",") + std::string(R"({"type": "stdout", "name": "s)") +
            std::to_string(i) + "\"}";
  }
  EXPECT_THAT(std::string(ParseSinks(json + "]").status().message()), HasSubstr("at most 64"));
}

}  // namespace
}  // namespace daemoneye::gateway
