#include "libs/sql/process_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace daemoneye::sql {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

v1::CollectionEvent Event(const std::string& key, v1::ProcessAction action, int64_t second) {
  v1::CollectionEvent event;
  event.mutable_event_time()->set_seconds(second);
  event.mutable_process()->set_action(action);
  event.mutable_process()->set_process_key(key);
  event.mutable_process()->set_name("name of " + key);
  return event;
}

class ProcessTableTest : public ::testing::Test {
 protected:
  void Start(const std::string& key, int64_t second) {
    table_.Apply(Event(key, v1::PROCESS_ACTION_START, second));
  }
  void Stop(const std::string& key, int64_t second) {
    v1::CollectionEvent event = Event(key, v1::PROCESS_ACTION_STOP, second);
    event.mutable_process()->set_exit_code(3);
    table_.Apply(event);
  }
  size_t Column(const std::string& name) const {
    const auto columns = table_.columns();
    return std::ranges::find(columns, name, &LiveColumn::name) - columns.begin();
  }
  // The slot of a process that a statement can see.
  std::optional<size_t> Find(const std::string& key) const {
    std::string scratch;
    for (size_t slot = 0; slot < table_.slots(); ++slot) {
      if (table_.HasRow(slot) && table_.Get(slot, Column("process_key"), &scratch).text == key) {
        return slot;
      }
    }
    return std::nullopt;
  }
  Cell Get(const std::string& key, const std::string& column) {
    const std::optional<size_t> slot = Find(key);
    EXPECT_TRUE(slot.has_value()) << key;
    return slot.has_value() ? table_.Get(*slot, Column(column), &scratch_) : Cell();
  }

  ProcessTable table_{{.max_rows = 5}};
  std::string scratch_;
};

TEST_F(ProcessTableTest, AnEndedProcessStaysForSixtySecondsWithItsEnd) {
  Start("a", 100);
  EXPECT_TRUE(Get("a", "end_time").is_null());
  Stop("a", 110);
  EXPECT_EQ(Get("a", "end_time").integer, 110 * kSecond);
  EXPECT_EQ(Get("a", "exit_code").integer, 3);
  EXPECT_EQ(Get("a", "name").text, "name of a") << "what a STOP leaves out is as it was";
  Start("b", 170);
  EXPECT_TRUE(Find("a").has_value()) << "60 s after its end";
  Start("c", 171);
  EXPECT_FALSE(Find("a").has_value()) << "61 s after its end";
  EXPECT_EQ(table_.rows(), 2u);
  EXPECT_EQ(table_.evicted(), 0u);
}

TEST_F(ProcessTableTest, TheTimeOfEventsOnlyMovesOn) {
  Stop("a", 100);
  Start("late", 30);
  EXPECT_TRUE(Find("a").has_value());
  Start("b", 161);
  Start("late", 31);
  EXPECT_FALSE(Find("a").has_value());
}

TEST_F(ProcessTableTest, ATimeBeyondNowForgetsNothing) {
  Stop("a", 100);
  table_.Apply(Event("lying", v1::PROCESS_ACTION_START, 1'000'000), 101 * kSecond);
  EXPECT_TRUE(Find("a").has_value());
}

TEST_F(ProcessTableTest, WhatComesAfterTheEndLeavesTheEnd) {
  Start("a", 100);
  Stop("a", 110);
  Start("a", 111);
  EXPECT_EQ(Get("a", "end_time").integer, 110 * kSecond);
}

TEST_F(ProcessTableTest, TheOneThatWasSilentLongestMakesRoomAndIsCounted) {
  for (const char* key : {"a", "b", "c", "d", "e"}) Start(key, 100);
  Start("a", 101);
  Start("f", 102);
  EXPECT_FALSE(Find("b").has_value());
  EXPECT_TRUE(Find("a").has_value());
  EXPECT_EQ(table_.rows(), 5u);
  EXPECT_EQ(table_.evicted(), 1u);
}

TEST_F(ProcessTableTest, BytesAreBoundedToo) {
  ProcessTable table({.max_bytes = 100'000});
  for (int i = 0; i < 10; ++i) {
    v1::CollectionEvent event = Event(std::to_string(i), v1::PROCESS_ACTION_START, 100);
    event.mutable_process()->add_command_line(std::string(40'000, 'x'));
    table.Apply(event);
  }
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_LE(table.bytes(), 100'000u);
  EXPECT_EQ(table.evicted(), 8u);
}

}  // namespace
}  // namespace daemoneye::sql
