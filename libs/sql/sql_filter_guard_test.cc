// What cuts a running statement off, and that what is beside it goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "libs/sql/column.h"
#include "libs/sql/random_events.h"
#include "libs/sql/sql_filter.h"
#include "tests/support/instrumented.h"

namespace daemoneye::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EventPtr Process(std::string name, size_t arguments = 0) {
  auto event = std::make_unique<v1::CollectionEvent>();
  event->mutable_process()->set_name(std::move(name));
  for (size_t i = 0; i < arguments; ++i) event->mutable_process()->add_command_line("a");
  return event;
}

// Joins the arguments with themselves until nobody can wait for the end.
constexpr const char* kExplosion =
    "name = 'small' OR EXISTS (SELECT 1 FROM json_each(command_line_json) a,"
    " json_each(command_line_json) b, json_each(command_line_json) c"
    " WHERE a.value || b.value || c.value = 'never')";

TEST(SqlFilterGuardTest, CutsOffOneEventAndDecidesItsNeighbours) {
  auto filter = SqlFilter::Create(kExplosion);
  ASSERT_TRUE(filter.ok()) << filter.status();
  std::vector<EventPtr> events;
  events.push_back(Process("small"));
  events.push_back(Process("x", 2000));
  events.push_back(Process("x", 2));
  events.push_back(Process("small", 2000));
  std::vector<bool> passes;
  const absl::Status status = (*filter)->Match(Pointers(events), &passes);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cut off after 5ms of CPU time for one e"));
  EXPECT_THAT(passes, ElementsAre(true, false, false, true));
  EXPECT_EQ((*filter)->failed_events(), 1u);
}

TEST(SqlFilterGuardTest, BoundsACallHoweverManyEventsAreCutOff) {
  auto filter = SqlFilter::Create(kExplosion);
  ASSERT_TRUE(filter.ok()) << filter.status();
  std::vector<EventPtr> events;
  for (int i = 0; i < 200; ++i) events.push_back(Process("x", 2000));
  std::vector<bool> passes;
  const absl::Status status = (*filter)->Match(Pointers(events), &passes);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ((*filter)->failed_events(), 200u);
  // The next call starts afresh.
  events.resize(1);
  events.front() = Process("small");
  EXPECT_TRUE((*filter)->Match(Pointers(events), &passes).ok());
  EXPECT_THAT(passes, ElementsAre(true));
}

TEST(SqlFilterGuardTest, RefusesAtOnceWhatNeverEnds) {
  std::string values = "(VALUES (0)";
  for (int i = 1; i < 500; ++i) values += ",(" + std::to_string(i) + ")";
  values += ")";
  std::string sql = "SELECT 1 FROM process_events";
  for (int i = 0; i < 4; ++i) sql += ", " + values + " v" + std::to_string(i);
  const auto filter =
      SqlFilter::Create(sql + " WHERE v0.column1 + v1.column1 + v2.column1 + v3.column1 < 0");
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(filter.status().message()), HasSubstr("cut off after"));
}

// An event that makes a batch fail fails alone.
TEST(SqlFilterGuardTest, ATextThatGrowsTooLongFailsItsEventAlone) {
  auto filter = SqlFilter::Create("name || name LIKE 'ok%'");
  ASSERT_TRUE(filter.ok()) << filter.status();
  ASSERT_TRUE((*filter)->is_batch_independent());
  std::vector<EventPtr> events;
  events.push_back(Process("ok"));
  events.push_back(Process(std::string(kMaxCellBytes, 'x')));
  events.push_back(Process("no"));
  events.push_back(Process("okay"));
  std::vector<bool> passes;
  const absl::Status status = (*filter)->Match(Pointers(events), &passes);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("too big"));
  EXPECT_THAT(passes, ElementsAre(true, false, false, true));
  EXPECT_EQ((*filter)->failed_events(), 1u);
}

// 0.2 s when it works, 1 s and more without the bounds. ASan's strict strcspn reads a text to its
// end each time LIKE looks for a byte.
constexpr double kLongestSeconds = testing_support::IsInstrumented() ? 8 : 0.8;

// Calls that cannot be interrupted end soon all the same.
TEST(SqlFilterGuardTest, NoSingleCallTakesLong) {
  const std::string text(kMaxCellBytes, 'a');
  const std::string pattern(900, 'a');
  const std::string conditions[] = {
      "instr(name, substr(name, 1, 32768) || 'b')",
      "replace(name, substr(name, 1, 32768) || 'b', '')  = ''",
      "lower(name) LIKE '%" + pattern + "b'",
      "name LIKE '%" + pattern + "b'",
      "name GLOB '*" + pattern + "b'",
      "name REGEXP '(?:a?){200}a{200}b'",
      "name REGEXP 'a{900}b'",
      "json_valid(name)",
  };
  for (const std::string& condition : conditions) {
    auto filter = SqlFilter::Create(condition);
    ASSERT_TRUE(filter.ok()) << filter.status();
    std::vector<EventPtr> events;
    for (int i = 0; i < 20; ++i) events.push_back(Process(text));
    std::vector<bool> passes;
    const std::clock_t start = std::clock();  // CPU time: the machine may be busy
    (void)(*filter)->Match(Pointers(events), &passes);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, kLongestSeconds) << condition.substr(0, 40);
    EXPECT_THAT(passes, ::testing::Each(false)) << condition.substr(0, 40);
  }
}

TEST(SqlFilterGuardTest, RegexpThatIsTooMuchForALongTextFailsThatEvent) {
  auto filter = SqlFilter::Create("name REGEXP 'a{900}b'");
  ASSERT_TRUE(filter.ok()) << filter.status();
  std::vector<EventPtr> events;
  events.push_back(Process(std::string(900, 'a') + "b"));
  events.push_back(Process(std::string(kMaxCellBytes, 'a')));
  std::vector<bool> passes;
  EXPECT_THAT(std::string((*filter)->Match(Pointers(events), &passes).message()),
              HasSubstr("too complex"));
  EXPECT_THAT(passes, ElementsAre(true, false));
}

TEST(SqlFilterGuardTest, MemoryIsBounded) {
  auto filter = SqlFilter::Create(
      "SELECT DISTINCT a.value || b.value || command_line FROM process_events,"
      " json_each(command_line_json) a, json_each(command_line_json) b ORDER BY 1 DESC");
  ASSERT_TRUE(filter.ok()) << filter.status();
  std::vector<EventPtr> events;
  events.push_back(Process("x"));
  for (int i = 0; i < 60; ++i) {
    events.back()->mutable_process()->add_command_line(std::string(400 + i, 'a' + i % 26));
  }
  std::vector<bool> passes;
  const int64_t before = sqlite3_memory_used();
  sqlite3_memory_highwater(1);
  const absl::Status status = (*filter)->Match(Pointers(events), &passes);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GT(sqlite3_memory_highwater(0) - before, 1 << 20) << "the statement takes no memory";
  EXPECT_LT(sqlite3_memory_highwater(0) - before, 256 << 20);
  EXPECT_LT(sqlite3_memory_used() - before, 1 << 20) << "kept behind the run";
}

TEST(SqlFilterGuardTest, AFilterIsSmall) {
  const int64_t before = sqlite3_memory_used();
  std::vector<std::unique_ptr<SqlFilter>> filters;
  for (int i = 0; i < 10; ++i) {
    filters.push_back(*SqlFilter::Create("name LIKE 'nc%' AND cpu_usage_percent > 90.5"));
  }
  EXPECT_LT((sqlite3_memory_used() - before) / 10, 64 * 1024);
}

}  // namespace
}  // namespace daemoneye::sql
