#include "libs/config/proto_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemoneye/v1/trigger.pb.h"

namespace daemoneye::config {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::string ErrorOf(std::string_view json) {
  v1::Trigger trigger;
  return std::string(ParseProtoObject(json, "triggers[3]", trigger).message());
}

TEST(ProtoDocumentTest, ReadsEveryKindOfField) {
  v1::Trigger trigger;
  const absl::Status status = ParseProtoObject(
      R"({"id": "a", "enabled": false, "condition": {"sql": "pid = 1", "window": "60s"},
          "severity": "HIGH", "priority": "TRIGGER_PRIORITY_LOW", "attack_ids": ["T1", "T2"],
          "rate_per_minute": 5, "metadata": {"k": "v"}, "dedup_window": "1.5s",
          "tests": [{"match": true, "events": [{"process": {"pid": 7, "name": "x",
          "cpu_usage_percent": 1.5, "action": "START", "command_line": ["a", "b"]}}]}]})",
      "", trigger);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(trigger.id(), "a");
  EXPECT_TRUE(trigger.has_enabled());
  EXPECT_EQ(trigger.condition().window().seconds(), 60);
  EXPECT_EQ(trigger.severity(), v1::SEVERITY_HIGH);
  EXPECT_EQ(trigger.priority(), v1::TRIGGER_PRIORITY_LOW);
  EXPECT_THAT(trigger.attack_ids(), ElementsAre("T1", "T2"));
  EXPECT_EQ(trigger.rate_per_minute(), 5u);
  EXPECT_EQ(trigger.metadata().at("k"), "v");
  EXPECT_EQ(trigger.dedup_window().nanos(), 500'000'000);
  const v1::ProcessEvent& process = trigger.tests(0).events(0).process();
  EXPECT_EQ(process.pid(), 7u);
  EXPECT_EQ(process.cpu_usage_percent(), 1.5);
  EXPECT_EQ(process.action(), v1::PROCESS_ACTION_START);
  EXPECT_THAT(process.command_line(), ElementsAre("a", "b"));
}

TEST(ProtoDocumentTest, NamesTheFieldAndWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"[", "triggers[3]: is not JSON"},
      {"[]", "triggers[3]: wants a mapping of fields"},
      {R"({"idd": "a"})", "triggers[3].idd: unknown field (did you mean id?)"},
      {R"({"dedupWindow": "1s"})",
       "triggers[3].dedupWindow: unknown field (did you mean dedup_window?)"},
      {R"({"id": 5})", "triggers[3].id: wants a text; put it in quotes"},
      {R"({"id": null})", "triggers[3].id: has no value"},
      {R"({"enabled": "true"})", "triggers[3].enabled: wants true or false"},
      {R"({"condition": {"sql": ["x"]}})",
       "triggers[3].condition.sql: wants a text; put it in quotes"},
      {R"({"condition": "name = 'x'"})", "triggers[3].condition: wants a mapping of fields"},
      {R"({"condition": {"sql": "x", "hash_mismatch": {}}})",
       "triggers[3].condition.hash_mismatch: sql is set already; give one of them"},
      {R"({"severity": "HIHG"})", "triggers[3].severity: unknown value HIHG (did you mean HIGH?)"},
      {R"({"severity": 3})", "triggers[3].severity: wants the name of a value"},
      {R"({"rate_per_minute": -1})",
       "triggers[3].rate_per_minute: -1 is not right: wants a whole number"},
      {R"({"rate_per_minute": "5"})", "triggers[3].rate_per_minute: wants a whole number"},
      {R"({"dedup_window": "5m"})",
       "triggers[3].dedup_window: \"5m\" is not right: wants seconds, such as \"300s\""},
      {R"({"attack_ids": "T1"})", "triggers[3].attack_ids: wants a list"},
      {R"({"attack_ids": ["T1", 2]})", "triggers[3].attack_ids[1]: wants a text; put it in quotes"},
      {R"({"metadata": {"k": 1}})", "triggers[3].metadata.k: wants a text; put it in quotes"},
      {R"({"tests": [{}, {"events": [{"process": {"pidd": 1}}]}]})",
       "triggers[3].tests[1].events[0].process.pidd: unknown field (did you mean pid?)"},
  };
  for (const auto& [json, error] : cases) EXPECT_EQ(ErrorOf(json), error) << json;
}

TEST(ProtoDocumentTest, ReadsListsAndMaps) {
  std::vector<v1::Trigger> list;
  const auto add = [&]() -> google::protobuf::Message& { return list.emplace_back(); };
  EXPECT_TRUE(ParseProtoList("", "triggers", add).ok());
  EXPECT_TRUE(ParseProtoList(R"([{"id": "a"}, {"id": "b"}])", "triggers", add).ok());
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1].id(), "b");
  EXPECT_EQ(ParseProtoList(R"({"id": "a"})", "triggers", add).message(), "triggers: wants a list");
  EXPECT_EQ(ParseProtoList(R"([{}, {"x": 1}])", "triggers", add).message(),
            "triggers[1].x: unknown field");
  std::map<std::string, v1::Trigger> map;
  const auto member = [&](const std::string& name) -> google::protobuf::Message& {
    return map[name];
  };
  EXPECT_TRUE(ParseProtoMap(R"({"t": {"enabled": false}})", "overrides", member).ok());
  EXPECT_TRUE(map.at("t").has_enabled());
  EXPECT_EQ(ParseProtoMap(R"({"t": {"on": 1}})", "overrides", member).message(),
            "overrides.t.on: unknown field");
}

TEST(ProtoDocumentTest, ReadsListsOfTexts) {
  EXPECT_THAT(ParseTextLists(R"({"ports": [80, "443"], "none": []})", "lists").value(),
              ElementsAre(Pair("ports", ElementsAre("80", "443")), Pair("none", ElementsAre())));
  EXPECT_EQ(ParseTextLists(R"({"a": "x"})", "lists").status().message(), "lists.a: wants a list");
  EXPECT_EQ(ParseTextLists(R"({"a": [[1]]})", "lists").status().message(),
            "lists.a[0]: wants a text or a number");
}

}  // namespace
}  // namespace daemoneye::config
