#include "libs/sql/sql_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "libs/sql/random_events.h"

namespace daemoneye::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::CollectionEvent Nginx() {
  v1::CollectionEvent event;
  event.mutable_origin()->set_host("web.1");
  event.mutable_origin()->set_monitor("procmond");
  event.mutable_event_time()->set_seconds(1'700'000'000);
  event.set_source("process-exec");
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(v1::PROCESS_ACTION_EXEC);
  process.set_pid(100);
  process.set_ppid(1);
  process.set_name("nginx");
  process.set_executable_path("/usr/sbin/nginx");
  process.add_command_line("nginx");
  process.add_command_line("-g");
  process.add_command_line("it's \"on\"; a.b");
  process.set_cpu_usage_percent(90.75);
  process.set_user_id(0);
  process.set_file_exists(false);
  process.mutable_suspicion()->set_severity(v1::SEVERITY_HIGH);
  return event;
}

// Whether `event` passes, asked alone and in a batch.
bool Passes(SqlFilter& filter, const v1::CollectionEvent& event) {
  std::vector<bool> alone;
  std::vector<bool> batch;
  const v1::CollectionEvent* one[] = {&event};
  const v1::CollectionEvent* many[] = {&event, &event, &event};
  EXPECT_TRUE(filter.Match(one, &alone).ok());
  EXPECT_TRUE(filter.Match(many, &batch).ok());
  EXPECT_THAT(batch, ElementsAre(alone[0], alone[0], alone[0]));
  return alone[0];
}

struct Case {
  const char* sql;
  bool passes;

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.sql; }
};

class SqlFilterConditionTest : public ::testing::TestWithParam<Case> {};

TEST_P(SqlFilterConditionTest, DecidesNginx) {
  auto filter = SqlFilter::Create(GetParam().sql);
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(Passes(**filter, Nginx()), GetParam().passes) << GetParam().sql;
}

INSTANTIATE_TEST_SUITE_P(
    Equality, SqlFilterConditionTest,
    ::testing::Values(
        Case{"name = 'nginx'", true}, Case{"name = 'Nginx'", false},
        Case{"name = 'Nginx' COLLATE NOCASE", true}, Case{"NAME IN ('sh', 'bash', 'nginx')", true},
        Case{"name IN ('sh', 'bash', 'dash')", false}, Case{"pid = '100'", true},  // SQL converts
        Case{"pid = 100.0", true}, Case{"pid IN ('100', 7, 8)", true},
        Case{"cpu_usage_percent > 90.5", true}, Case{"cpu_usage_percent > 90.75", false},
        Case{"cpu_usage_percent BETWEEN 90 AND 91", true},
        Case{"process_events.pid >= 100 -- a comment", true},
        Case{"action = 'EXEC' AND suspicion_severity = 'HIGH'", true},
        Case{"host = 'web.1' AND monitor = 'procmond'", true},
        Case{"event_time = 1700000000000000000", true}, Case{"file_exists = 0", true},
        Case{"NOT file_exists", true}));

INSTANTIATE_TEST_SUITE_P(
    Patterns, SqlFilterConditionTest,
    ::testing::Values(Case{"name LIKE 'NG%'", true}, Case{"name LIKE 'ng_nx'", true},
                      Case{"name NOT LIKE 'x%'", true}, Case{"name GLOB 'ng*'", true},
                      Case{"name GLOB 'NG*'", false}, Case{"name GLOB '[m-o]ginx'", true},
                      Case{"name REGEXP 'gin'", true}, Case{"name REGEXP '^gin'", false},
                      Case{"name REGEXP 'GIN'", false}, Case{"name REGEXP '(?i)GIN'", true},
                      Case{"executable_path LIKE '/usr/%' ESCAPE '!'", true},
                      Case{"command_line LIKE '%it''s \"on\"; a.b'", true},
                      Case{"command_line = 'nginx -g it''s \"on\"; a.b'", true},
                      Case{"json_extract(command_line_json, '$[1]') = '-g'", true},
                      Case{"EXISTS (SELECT 1 FROM json_each(command_line_json) WHERE value = '-g')",
                           true}));

INSTANTIATE_TEST_SUITE_P(
    Nulls, SqlFilterConditionTest,
    ::testing::Values(Case{"container_id IS NULL", true}, Case{"container_id = ''", false},
                      Case{"container_id <> 'x'", false}, Case{"container_id NOT LIKE 'x'", false},
                      Case{"NOT container_id IN ('x', 'y', 'z')", false},
                      Case{"coalesce(container_id, '-') = '-'", true}, Case{"name = NULL", false},
                      Case{"pid IN (NULL, 100)", true}, Case{"pid > NULL OR pid = 100", true},
                      Case{"exit_code IS NULL AND user_id = 0", true}));

INSTANTIATE_TEST_SUITE_P(
    Selects, SqlFilterConditionTest,
    ::testing::Values(
        Case{"SELECT * FROM process_events WHERE pid = 100", true},
        Case{"SELECT 1 FROM process_events", true},
        Case{"/* one */ select pid from main.process_events p where p.name = 'nginx';", true},
        Case{"WITH p AS (SELECT pid FROM process_events) SELECT pid FROM p WHERE pid > 5", true},
        Case{"SELECT DISTINCT name FROM process_events ORDER BY name LIMIT 1", true},
        Case{"SELECT name FROM process_events LIMIT 1 OFFSET 1", false},
        Case{"SELECT 1 FROM process_events a JOIN process_events b ON a.ppid = b.pid", false},
        Case{"SELECT 1 FROM process_events a JOIN process_events b ON a.pid = b.pid", true},
        Case{"SELECT pid FROM process_events EXCEPT SELECT pid FROM process_events", false},
        Case{"SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM process_events WHERE pid = 7)", true},
        Case{"SELECT 1 FROM network_events", false}));

TEST(SqlFilterTest, ASemicolonMayEndAConditionAsItDoesAStatement) {
  for (const char* sql : {"pid = 7;", "pid = 7 ; \n", "SELECT 1 FROM process_events;"}) {
    EXPECT_TRUE(SqlFilter::Create(sql).ok()) << sql;
  }
}

TEST(SqlFilterTest, KindIsTheTables) {
  auto filter = SqlFilter::Create("SELECT 1 FROM network_events WHERE destination_port = 53");
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ((*filter)->kind(), v1::EVENT_KIND_NETWORK);
  v1::CollectionEvent event;
  event.mutable_network()->set_destination_port(53);
  EXPECT_TRUE(Passes(**filter, event));
  EXPECT_FALSE(Passes(**filter, Nginx()));
}

TEST(SqlFilterTest, AnotherKindNeverPasses) {
  auto filter = SqlFilter::Create("SELECT 1 UNION ALL SELECT pid FROM process_events");
  ASSERT_TRUE(filter.ok()) << filter.status();
  v1::CollectionEvent control;
  control.mutable_control();
  EXPECT_TRUE(Passes(**filter, Nginx()));
  EXPECT_FALSE(Passes(**filter, control));
  EXPECT_FALSE(Passes(**filter, v1::CollectionEvent()));
}

}  // namespace
}  // namespace daemoneye::sql
