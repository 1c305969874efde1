#include "libs/monitor/announcements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemoneye/v1/event.pb.h"

namespace daemoneye::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::Publisher MakePublisher(const std::string& stream_id, const std::string& host = "h") {
  v1::Publisher publisher;
  publisher.set_stream_id(stream_id);
  publisher.set_host(host);
  return publisher;
}

// "publisher id@host" or "caps reason", one an event.
std::vector<std::string> Told(const Announcements::News& news) {
  std::vector<std::string> told;
  for (const auto& bytes : news.events) {
    v1::CollectionEvent event;
    EXPECT_TRUE(event.ParseFromString(*bytes));
    const v1::StreamControl& control = event.control();
    told.push_back(control.has_publisher()
                       ? control.publisher().stream_id() + "@" + control.publisher().host()
                       : control.capabilities_changed().reason());
  }
  return told;
}

TEST(AnnouncementsTest, NewStreamIsToldEveryPublisherAndNoOldChange) {
  Announcements announcements;
  announcements.AddPublisher(MakePublisher("a"));
  v1::CapabilitiesChanged change;
  change.set_reason("bpf went away");
  announcements.CapabilitiesChanged(change);
  announcements.AddPublisher(MakePublisher("b"));
  EXPECT_THAT(Told(announcements.Publishers()), ElementsAre("a@h", "b@h"));
}

TEST(AnnouncementsTest, OpenStreamIsToldWhatIsNewInOrder) {
  Announcements announcements;
  announcements.AddPublisher(MakePublisher("a"));
  const uint64_t version = announcements.Publishers().version;
  EXPECT_THAT(Told(announcements.Since(version)), IsEmpty());
  v1::CapabilitiesChanged change;
  change.set_reason("one");
  announcements.CapabilitiesChanged(change);
  announcements.AddPublisher(MakePublisher("b"));
  change.set_reason("two");
  announcements.CapabilitiesChanged(change);
  EXPECT_THAT(Told(announcements.Since(version)), ElementsAre("b@h", "two"));
  EXPECT_EQ(announcements.Since(version).version, announcements.version());
}

TEST(AnnouncementsTest, RepeatedPublisherReplacesAndRemovedOneIsForgotten) {
  Announcements announcements;
  announcements.AddPublisher(MakePublisher("a", "old"));
  announcements.AddPublisher(MakePublisher("b"));
  announcements.AddPublisher(MakePublisher("a", "new"));
  EXPECT_THAT(Told(announcements.Publishers()), ElementsAre("b@h", "a@new"));
  announcements.RemovePublisher("b");
  EXPECT_THAT(Told(announcements.Publishers()), ElementsAre("a@new"));
}

TEST(AnnouncementsTest, PublishersAreBounded) {
  Announcements announcements;
  for (size_t i = 0; i < Announcements::kMaxPublishers + 10; ++i) {
    announcements.AddPublisher(MakePublisher(std::to_string(i)));
  }
  EXPECT_LE(announcements.Publishers().events.size(), Announcements::kMaxPublishers);
}

TEST(AnnouncementsTest, ListenerHearsEachAnnouncementUntilItIsTakenAway) {
  Announcements announcements;
  int calls = 0;
  announcements.SetListener([&calls] { ++calls; });
  announcements.AddPublisher(MakePublisher("a"));
  announcements.CapabilitiesChanged({});
  EXPECT_EQ(calls, 2);
  announcements.SetListener(nullptr);
  announcements.AddPublisher(MakePublisher("b"));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace daemoneye::monitor
