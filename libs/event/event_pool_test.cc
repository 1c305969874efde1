#include "libs/event/event_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/thread.h"
#include "libs/event/random_event.h"

namespace daemoneye::event {
namespace {

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
  for (int i = 0; i < 20; ++i) pool.GiveBack({.events = EventList(300)});
  EXPECT_LE(pool.size(), EventPool::kMaxEvents);
  EXPECT_GT(pool.size(), EventPool::kMaxEvents - 300);
}

TEST(EventPoolTest, AnEventIsUsedSoManyTimesAndNoMore) {
  EventPool pool;
  EventListParser parser(pool);
  for (int use = 1; use <= EventPool::kMaxUses; ++use) {
    ASSERT_TRUE(parser.Append(Process("name")));
    parser.Finish().reset();
    ASSERT_EQ(pool.size(), use < EventPool::kMaxUses ? 1u : 0u) << use;
  }
}

TEST(EventPoolTest, AListWithALargeEventEndsWithItsEvents) {
  EventPool pool;
  EventListParser parser(pool);
  const std::string large = Process(std::string(EventPool::kMaxEventBytes, 'x'));
  ASSERT_TRUE(parser.Append(Process("small")));
  ASSERT_TRUE(parser.Append(large));
  parser.Finish().reset();
  EXPECT_EQ(pool.size(), 0u);
  // Nor does one that was dropped, or came back, stay.
  ASSERT_TRUE(parser.Append(large));
  Event event = parser.last();
  parser.DropLast();
  parser.Finish().reset();
  parser.Append(std::move(event));
  parser.Finish().reset();
  parser.Rest();
  EXPECT_EQ(pool.size(), 0u);
}

TEST(EventPoolTest, AListThatOutlivesItsPoolJustEnds) {
  auto pool = std::make_unique<EventPool>();
  const auto list = pool->NewList(3);
  list->events.emplace_back();
  pool.reset();
  EXPECT_EQ(list->events.size(), 1u);
}

TEST(EventPoolTest, ListsMayEndOnAnyThread) {
  EventPool pool;
  std::mt19937_64 random(3);
  std::vector<std::string> events;
  for (int i = 0; i < 50; ++i) events.push_back(RandomEvent(random).SerializeAsString());
  const auto parse_and_let_go = [&](std::stop_token) {
    EventListParser parser(pool);
    std::vector<std::shared_ptr<const EventList>> held;
    for (size_t i = 0; i < 2000; ++i) {
      ASSERT_TRUE(parser.Append(events[i % events.size()]));
      ASSERT_EQ(parser.last().ByteSizeLong(), events[i % events.size()].size());
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
