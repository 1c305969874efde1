#include "libs/event/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "google/protobuf/descriptor.h"

namespace daemoneye::event {
namespace {

// Names are written down in the code; the protos say what they must be.
void ExpectNames(v1::EventKind kind, const google::protobuf::EnumDescriptor& type,
                 const std::string& prefix) {
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    const std::string name = value.number() == 0 ? "" : value.name().substr(prefix.size());
    EXPECT_EQ(ActionName(kind, value.number()), name);
  }
  EXPECT_EQ(ActionName(kind, type.value_count()), "");
  EXPECT_EQ(ActionName(kind, -1), "");
}

TEST(EventTest, ActionNamesAreTheProtosWithoutPrefix) {
  ExpectNames(v1::EVENT_KIND_PROCESS, *v1::ProcessAction_descriptor(), "PROCESS_ACTION_");
  ExpectNames(v1::EVENT_KIND_NETWORK, *v1::NetworkAction_descriptor(), "NETWORK_ACTION_");
  ExpectNames(v1::EVENT_KIND_FILESYSTEM, *v1::FilesystemAction_descriptor(), "FILESYSTEM_ACTION_");
  EXPECT_EQ(ActionName(v1::EVENT_KIND_PERFORMANCE, 0), "METRIC");
  EXPECT_EQ(ActionName(v1::EVENT_KIND_TRIGGER_REQUEST, 0), "REQUEST");
  EXPECT_EQ(ActionName(v1::EVENT_KIND_LOSS, 0), "LOST");
  EXPECT_EQ(ActionName(v1::EVENT_KIND_LOSS, 1), "");
}

TEST(EventTest, KindIsThePayload) {
  const auto& payload = *Event::descriptor()->FindOneofByName("payload");
  for (int i = 0; i < payload.field_count(); ++i) {
    Event event;
    event.GetReflection()->MutableMessage(&event, payload.field(i));
    std::string name = payload.field(i)->name();
    std::transform(name.begin(), name.end(), name.begin(), ::toupper);
    EXPECT_EQ(v1::EventKind_Name(KindOf(event)), "EVENT_KIND_" + name);
    EXPECT_NE(KindName(KindOf(event)), "unknown");
  }
  EXPECT_EQ(KindOf(Event()), v1::EVENT_KIND_UNSPECIFIED);
  EXPECT_EQ(KindName(static_cast<v1::EventKind>(99)), "unknown");
}

TEST(EventTest, SubjectAndProcess) {
  Event event;
  EXPECT_EQ(PidOf(event), std::nullopt);
  event.mutable_process()->set_process_key("k");
  EXPECT_EQ(SubjectOf(event), "k");
  EXPECT_EQ(PidOf(event), std::nullopt);
  event.mutable_process()->set_pid(0);
  EXPECT_EQ(PidOf(event), 0u);
  event.mutable_network()->set_connection_id("c");
  event.mutable_network()->set_process_key("owner");
  EXPECT_EQ(SubjectOf(event), "c");
  EXPECT_EQ(ProcessKeyOf(event), "owner");
  event.mutable_filesystem()->set_process_key("writer");
  EXPECT_EQ(SubjectOf(event), "");
  EXPECT_EQ(ProcessKeyOf(event), "writer");
  event.mutable_trigger_request()->set_target_pid(5);
  EXPECT_EQ(PidOf(event), 5u);
}

TEST(EventTest, StateWordsAreToldApart) {
  Event event;
  event.mutable_process()->set_action(v1::PROCESS_ACTION_SNAPSHOT);
  EXPECT_TRUE(IsSnapshot(event));
  event.mutable_process()->set_action(v1::PROCESS_ACTION_STOP);
  EXPECT_FALSE(IsSnapshot(event));
  EXPECT_TRUE(EndsSubject(event));
  event.mutable_process()->set_action(v1::PROCESS_ACTION_SAMPLE);
  EXPECT_TRUE(IsSample(event));
  event.mutable_network()->set_action(v1::NETWORK_ACTION_CLOSE);
  EXPECT_TRUE(EndsSubject(event));
  EXPECT_FALSE(IsSample(event));
}

}  // namespace
}  // namespace daemoneye::event
