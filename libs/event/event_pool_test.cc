#include "libs/event/event_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/util/message_differencer.h"
#include "libs/base/thread.h"
#include "libs/event/random_event.h"

namespace daemoneye::event {
namespace {

using google::protobuf::util::MessageDifferencer;

std::string Process(std::string_view name) {
  Event event;
  event.mutable_process()->set_name(std::string(name));
  return event.SerializeAsString();
}

TEST(EventPoolTest, AListsEventsAreUsedAgainOnceItsLastOwnerIsGone) {
  EventPool pool;
  EventListParser parser(pool);
  ASSERT_TRUE(parser.Append(Process("first")));
  ASSERT_TRUE(parser.Append(Process("second")));
  std::shared_ptr<const EventList> list = parser.Finish();
  const v1::ProcessEvent* const second = &(*list)[1].process();
  EXPECT_EQ(parser.size(), 0u);
  std::shared_ptr<const EventList> other_owner = list;
  list.reset();
  EXPECT_EQ(pool.size(), 0u);
  EXPECT_EQ((*other_owner)[0].process().name(), "first");

  other_owner.reset();
  EXPECT_EQ(pool.size(), 2u);
  ASSERT_TRUE(parser.Append(Process("third")));
  EXPECT_EQ(&parser.last().process(), second);
  EXPECT_EQ(parser.last().process().name(), "third");
}

TEST(EventPoolTest, WhatDoesNotParseOrIsDroppedIsNotInTheList) {
  EventPool pool;
  EventListParser parser(pool);
  EXPECT_FALSE(parser.Append("\x0a"));
  EXPECT_EQ(parser.size(), 0u);
  ASSERT_TRUE(parser.Append(Process("stays")));
  EXPECT_FALSE(parser.Append("\x0a"));
  ASSERT_TRUE(parser.Append(Process("goes")));
  parser.DropLast();
  Event event;
  event.set_source("from elsewhere");
  parser.Append(event);
  const auto list = parser.Finish();
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ((*list)[0].process().name(), "stays");
  EXPECT_EQ((*list)[1].source(), "from elsewhere");
}

TEST(EventPoolTest, RestLeavesWhatIsIdleToTheOthers) {
  EventPool pool;
  EventListParser parser(pool);
  ASSERT_TRUE(parser.Append(Process("a")));
  parser.DropLast();
  EXPECT_EQ(pool.size(), 0u);
  parser.Rest();
  EXPECT_EQ(pool.size(), 1u);
}

TEST(EventPoolTest, HoldsNoMoreThanItsBound) {
  EventPool pool;
  for (int i = 0; i < 20; ++i) pool.GiveBack(EventList(300));
  EXPECT_LE(pool.size(), EventPool::kMaxEvents);
  EXPECT_GT(pool.size(), EventPool::kMaxEvents - 300);
}

TEST(EventPoolTest, GivesUpListsOfEventsThatHoldMuchMemory) {
  EventPool pool;
  EventListParser parser(pool);
  const std::string large = Process(std::string(2 * EventPool::kMaxEventBytes, 'x'));
  ASSERT_TRUE(parser.Append(Process("small")));
  ASSERT_TRUE(parser.Append(large));
  EXPECT_EQ(parser.Finish()->size(), 2u);
  EXPECT_EQ(pool.size(), 0u);

  ASSERT_TRUE(parser.Append(large));
  parser.DropLast();
  parser.Rest();
  EXPECT_EQ(pool.size(), 0u);
  EXPECT_EQ(parser.Finish()->size(), 0u);

  ASSERT_TRUE(parser.Append(Process("small")));
  EXPECT_EQ(parser.Finish()->size(), 1u);
  EXPECT_EQ(pool.size(), 1u);
}

TEST(EventPoolTest, AListThatOutlivesItsPoolJustEnds) {
  auto pool = std::make_unique<EventPool>();
  const auto list = pool->NewList(3);
  list->emplace_back();
  pool.reset();
  EXPECT_EQ(list->size(), 1u);
}

TEST(EventPoolTest, ListsMayEndOnAnyThread) {
  EventPool pool;
  std::mt19937_64 random(3);
  std::vector<Event> events;
  for (int i = 0; i < 50; ++i) events.push_back(RandomEvent(random));
  const auto parse_and_let_go = [&](std::stop_token) {
    EventListParser parser(pool);
    std::vector<std::shared_ptr<const EventList>> held;
    for (size_t i = 0; i < 2000; ++i) {
      const Event& event = events[i % events.size()];
      ASSERT_TRUE(parser.Append(event.SerializeAsString()));
      ASSERT_TRUE(MessageDifferencer::Equals(parser.last(), event));
      if (parser.size() == 7) held.push_back(parser.Finish());
      if (held.size() == 5) held.clear();
      if (i % 11 == 0) parser.Rest();
    }
  };
  base::Thread first("first", parse_and_let_go);
  base::Thread second("second", parse_and_let_go);
}

}  // namespace
}  // namespace daemoneye::event
