#include "libs/event/random_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"

namespace daemoneye::event {
namespace {

using google::protobuf::util::MessageDifferencer;

TEST(RandomEventTest, EveryEventSurvivesSerialiseParseJsonParse) {
  std::mt19937_64 random(20240229);
  for (int i = 0; i < 1000; ++i) {
    const Event event = RandomEvent(random, {.field_probability = i % 3 == 0 ? 0.95 : 0.4});
    Event parsed;
    ASSERT_TRUE(parsed.ParseFromString(event.SerializeAsString()));
    ASSERT_TRUE(MessageDifferencer::Equals(event, parsed)) << event.DebugString();
    std::string json;
    ASSERT_TRUE(google::protobuf::util::MessageToJsonString(parsed, &json).ok());
    Event from_json;
    const auto status = google::protobuf::util::JsonStringToMessage(json, &from_json);
    ASSERT_TRUE(status.ok()) << status.ToString() << json;
    ASSERT_TRUE(MessageDifferencer::Equals(event, from_json)) << json;
    EXPECT_EQ(from_json.SerializeAsString().size(), event.ByteSizeLong());
  }
}

TEST(RandomEventTest, CoversEveryKindActionAndField) {
  std::mt19937_64 random(1);
  std::set<std::pair<int, int>> actions;
  Event merged;
  merged.mutable_process();
  for (int i = 0; i < 3000; ++i) {
    const Event event = RandomEvent(random);
    actions.emplace(KindOf(event), ActionOf(event));
    if (event.has_process()) merged.MergeFrom(event);
  }
  EXPECT_EQ(actions.size(), 8u + 7 + 8 + 3);
  std::vector<const google::protobuf::FieldDescriptor*> set;
  merged.process().GetReflection()->ListFields(merged.process(), &set);
  EXPECT_EQ(static_cast<int>(set.size()), v1::ProcessEvent::descriptor()->field_count());
}

TEST(RandomEventTest, AKindThatIsAskedForIsTheOnlyOne) {
  std::mt19937_64 random(2);
  for (int kind = 1; kind <= 7; ++kind) {
    const RandomEventOptions options{.kind = static_cast<v1::EventKind>(kind)};
    EXPECT_EQ(KindOf(RandomEvent(random, options)), kind);
  }
}

}  // namespace
}  // namespace daemoneye::event
