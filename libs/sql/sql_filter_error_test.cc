// What SqlFilter::Create refuses, and what it says about it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "libs/sql/sql_filter.h"

namespace daemoneye::sql {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Case {
  const char* sql;
  const char* error;

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.sql; }
};

class SqlFilterErrorTest : public ::testing::TestWithParam<Case> {};

TEST_P(SqlFilterErrorTest, NamesWhatAndWhere) {
  const auto filter = SqlFilter::Create(GetParam().sql);
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(filter.status().message()), StartsWith("filter.sql: "));
  EXPECT_THAT(std::string(filter.status().message()), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, SqlFilterErrorTest,
    ::testing::Values(Case{"", "empty"}, Case{" -- nothing", "empty"},
                      Case{"name = ", "incomplete input at position 8"},
                      Case{"name = 'x", "unrecognized token: \"'x\" at position 8"},
                      Case{"pid == = 3", "near \"=\": syntax error at position 8"},
                      Case{"name = 'x' )", "near \")\": syntax error at position 12"},
                      Case{"1) OR (1", "syntax error at position 2"},
                      Case{"1) UNION SELECT 1 FROM (process_events", "error at position 2"},
                      Case{"1 LIMIT 5", "near \"LIMIT\": syntax error at position 3"},
                      Case{"name = ?", "a parameter has no value here at position 8"}));

INSTANTIATE_TEST_SUITE_P(
    Names, SqlFilterErrorTest,
    ::testing::Values(
        Case{"nmae = 'x'", "unknown column \"nmae\" at position 1: did you mean name?"},
        Case{"p.nmae = 'x'", "unknown column \"nmae\" at position 1"},
        Case{"name = \"nginx\"", "\"nginx\" at position 8: texts stand in single quotes"},
        Case{"labels = ''", "unknown column \"labels\" at position 1: it is a column of perf"},
        Case{"rowid = 1", "unknown column \"rowid\" at position 1"},
        Case{"_rowid_ = 1", "unknown column \"rowid\""},
        Case{"SELECT 1 FROM process_events WHERE oid = 0", "unknown column \"rowid\""},
        Case{"SELECT 1 FROM proces_events", "at position 15: did you mean process_events?"},
        Case{"SELECT 1 FROM processes", "table processes cannot be read here at position 15"},
        Case{"name IN (SELECT value FROM lists)", "table lists cannot be read here"},
        Case{"SELECT 1 FROM sqlite_schema", "table \"sqlite_schema\" cannot be read here"},
        Case{"SELECT 1 FROM pragma_table_info('x'), process_events",
             "cannot be read here at position 15"},
        Case{"SELECT 1 FROM process_events, network_events", "a second event table"},
        Case{"SELECT 1", "no event table is read"}, Case{"VALUES (1)", "no event table is read"}));

INSTANTIATE_TEST_SUITE_P(
    Statements, SqlFilterErrorTest,
    ::testing::Values(
        Case{"DELETE FROM process_events", "DELETE is not allowed at position 1"},
        Case{" /* */ pragma query_only = off", "PRAGMA is not allowed at position 8"},
        Case{"ATTACH 'x' AS y", "ATTACH is not allowed"},
        Case{"EXPLAIN SELECT 1 FROM process_events", "EXPLAIN is not allowed"},
        Case{"WITH x AS (SELECT 1) DELETE FROM process_events", "may not be modified"},
        Case{"WITH x AS (SELECT 1) INSERT INTO process_events DEFAULT VALUES", "INSERT is not"},
        Case{"REPLACE INTO process_events VALUES (1)", "near \"INTO\""},
        Case{"SELECT 1 FROM process_events; SELECT 2", "a second begins at position 31"},
        Case{"name = 'x'; DROP TABLE y", "a second begins at position 13"},
        Case{
            "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c) > 1",
            "RECURSIVE is not allowed"}));

INSTANTIATE_TEST_SUITE_P(
    Functions, SqlFilterErrorTest,
    ::testing::Values(
        Case{"zeroblob(5) = name", "function zeroblob() is not allowed at position 1"},
        Case{"name = randomblob(5)", "function randomblob() is not allowed at position 8"},
        Case{"name = PRINTF('%d', 1)", "function printf() is not allowed at position 8"},
        Case{"load_extension('x')", "function load_extension() is not allowed"},
        Case{"readfile('/etc/shadow')", "function readfile() is not allowed"},
        Case{"trim(name, 'x') = ''", "function trim() is not allowed"},
        Case{"random() > 1", "function random() is not allowed"},
        Case{"event_time < unixepoch('now')", "function unixepoch() is not allowed"},
        Case{"current_time > 1", "function current_time() is not allowed"},
        Case{"SELECT count(*) FROM process_events", "count() at position 8: it needs window"},
        Case{"SELECT max(pid) FROM process_events", "it needs window"},
        Case{"min(pid) > 3", "it needs window"},
        Case{"SELECT lag(pid) OVER () FROM process_events", "it needs window"},
        Case{"SELECT max(pid) OVER () FROM process_events", "at position 8: it needs window"},
        Case{"SELECT name FROM process_events HAVING 1", "query at position 33"},
        Case{"name REGEXP '('", "bad regular expression: missing ): ( at position 14"},
        Case{"pid = 1 OR lower(name) REGEXP '[a'", "missing ]: [a at position 32"},
        Case{"json_extract('{}', 'x') = 1", "JSON path error"}));

TEST(SqlFilterErrorTest, BoundsTheText) {
  const std::string longest = "name = '" + std::string(kMaxFilterSqlBytes - 9, 'x') + "'";
  EXPECT_EQ(longest.size(), kMaxFilterSqlBytes);
  EXPECT_TRUE(SqlFilter::Create(longest).ok());
  EXPECT_THAT(std::string(SqlFilter::Create(longest + " ").status().message()),
              HasSubstr("longer than 16384 bytes"));
  EXPECT_THAT(std::string(SqlFilter::Create(std::string("pid\0= 1", 7)).status().message()),
              HasSubstr("NUL byte is not allowed at position 4"));
}

TEST(SqlFilterErrorTest, BoundsDepthAndCompounds) {
  const auto nested = [](int depth) {
    return std::string(depth, '(') + "pid" + std::string(depth, ')') + " > 0";
  };
  std::string sum = "pid";
  for (int i = 0; i < 200; ++i) sum += " + pid";
  EXPECT_THAT(std::string(SqlFilter::Create(sum + " < 0").status().message()),
              HasSubstr("Expression tree is too large (maximum depth 100)"));
  EXPECT_TRUE(SqlFilter::Create(nested(20)).ok());
  EXPECT_FALSE(SqlFilter::Create(nested(5000)).ok());
  std::string compound = "SELECT pid FROM process_events";
  for (int i = 0; i < 8; ++i) compound += " EXCEPT SELECT ppid FROM process_events";
  EXPECT_THAT(std::string(SqlFilter::Create(compound).status().message()),
              HasSubstr("too many terms in compound SELECT"));
}

TEST(SqlFilterErrorTest, TextFromOutsideIsEscaped) {
  const auto filter = SqlFilter::Create("\"\x1b[2J\" = 1");
  EXPECT_THAT(std::string(filter.status().message()), HasSubstr("\\x1b[2J"));
}

}  // namespace
}  // namespace daemoneye::sql
