#include "libs/event_bus/local_event_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/clock.h"

namespace daemoneye::event_bus {
namespace {

event::Event Start(uint32_t pid) {
  event::Event event;
  event.mutable_process()->set_action(v1::PROCESS_ACTION_START);
  event.mutable_process()->set_pid(pid);
  event.mutable_process()->set_process_key("key-" + std::to_string(pid));
  return event;
}

TEST(LocalEventBusTest, DeliversWhatIsPublishedAfterSubscribing) {
  LocalEventBus bus({.monitor = "procmond", .host = "here"}, base::Clock::Real());
  auto subscription = bus.Subscribe({});
  ASSERT_TRUE(subscription.ok()) << subscription.status();
  event::EventList events;
  events.push_back(Start(1));
  events.push_back(Start(2));
  EXPECT_EQ(bus.Publish(std::move(events)), 2u);
  const auto delivery = (*subscription)->Poll({});
  ASSERT_TRUE(delivery.ok());
  ASSERT_EQ(delivery->event_count, 2u);
  ASSERT_EQ(delivery->spans.size(), 1u);
  event::Event second;
  ASSERT_TRUE(second.ParseFromString(std::string(delivery->spans[0].batch->event_bytes(1))));
  EXPECT_EQ(second.sequence(), 2u);
  EXPECT_EQ(second.origin().stream_id(), bus.stream_id());
  EXPECT_EQ(second.origin().sequence(), 2u);
  EXPECT_EQ(second.correlation().correlation_id(), "key-2");
  EXPECT_TRUE(delivery->caught_up);
}

}  // namespace
}  // namespace daemoneye::event_bus
