#include "libs/storage/sqlite/query.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "libs/storage/event_store_conformance.h"
#include "libs/storage/sqlite/store_fixture.h"

namespace daemoneye::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string TextOf(const v1::Cell& cell) {
  switch (cell.value_case()) {
    case v1::Cell::kInt64:
      return std::to_string(cell.int64());
    case v1::Cell::kDouble:
      return std::to_string(cell.double_());
    case v1::Cell::kString:
      return cell.string();
    case v1::Cell::kBytes:
      return "bytes:" + std::to_string(cell.bytes().size());
    default:
      return "NULL";
  }
}

class QueryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto rows = std::make_shared<const std::vector<Row>>(std::vector<Row>{
        {int64_t{1}, std::string("one"), std::monostate()}, {int64_t{2}, std::string("two"), 2.5}});
    tables_.push_back({.name = "lists",
                       .description = "A list.",
                       .columns = {{"number", "INTEGER"}, {"text", "TEXT"}, {"ratio", "REAL"}},
                       .open = [rows]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
                         return MakeRowCursor(rows);
                       }});
  }

  void Store(uint64_t first, uint64_t count) {
    ASSERT_TRUE(AppendTo(fixture_.store(), "log", first, MakeStoredEvents("a", first, count)).ok());
  }

  absl::StatusOr<QueryOutcome> Run(const v1::QueryRequest& request) {
    rows_.clear();
    columns_.clear();
    messages_ = progress_ = 0;
    auto reader = fixture_.sqlite().OpenReader();
    EXPECT_TRUE(reader.ok()) << reader.status();
    return RunQuery(request,
                    {.events = reader->get(),
                     .tables = &tables_,
                     .clock = &base::Clock::Real(),
                     .stop = stop_.get_token(),
                     .emit = [this](const v1::QueryResponse& response) { return Take(response); }});
  }
  absl::StatusOr<QueryOutcome> Run(const std::string& sql) {
    v1::QueryRequest request;
    request.set_sql(sql);
    return Run(request);
  }
  std::vector<std::string> Rows(const std::string& sql) {
    const auto outcome = Run(sql);
    EXPECT_TRUE(outcome.ok()) << sql << ": " << outcome.status();
    return rows_;
  }
  std::string ErrorOf(const std::string& sql) { return Run(sql).status().ToString(); }

  bool Take(const v1::QueryResponse& response) {
    ++messages_;
    if (response.has_progress()) ++progress_;
    for (const std::string& name : response.columns().names()) columns_.push_back(name);
    for (const v1::QueryRow& row : response.rows().rows()) {
      std::string text;
      for (const v1::Cell& cell : row.cells()) text += (text.empty() ? "" : "|") + TextOf(cell);
      rows_.push_back(text);
    }
    return !has_gone_;
  }

  SqliteStoreFixture fixture_;
  std::vector<RowTable> tables_;
  std::stop_source stop_;
  bool has_gone_ = false;
  std::vector<std::string> columns_, rows_;
  int messages_ = 0, progress_ = 0;
};

TEST_F(QueryTest, NamedParametersAreTheServersAndNoOthersAreTaken) {
  NamedParameters named;
  named[":pid"].set_int64(5);
  named[":none"];
  const auto run = [&](const std::string& statement) {
    rows_.clear();
    auto reader = fixture_.sqlite().OpenReader();
    v1::QueryRequest request;
    request.set_sql(statement);
    return RunQuery(request,
                    {.events = reader->get(),
                     .tables = &tables_,
                     .clock = &base::Clock::Real(),
                     .stop = stop_.get_token(),
                     .emit = [this](const v1::QueryResponse& response) { return Take(response); },
                     .named = &named});
  };
  Store(1, 20);
  const auto outcome =
      run("SELECT name, :none, :pid + :pid FROM process_events WHERE pid = :pid AND action = "
          "'START'");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(rows_, ElementsAre("name-5|NULL|10"));
  for (const char* statement : {"SELECT :other", "SELECT ?1", "SELECT ?"}) {
    EXPECT_THAT(run(statement).status().ToString(),
                HasSubstr("at position 8: there are :none, :pid"))
        << statement;
  }
  EXPECT_TRUE(CheckQuery("SELECT :pid FROM process_events", tables_, named).ok());
  EXPECT_THAT(CheckQuery("SELECT nme FROM process_events", tables_, named).ToString(),
              HasSubstr("no such column: nme at position 8"));
}

TEST_F(QueryTest, SelectsStoredEventsByTheirColumns) {
  Store(1, 20);
  EXPECT_THAT(Rows("SELECT name, pid, host FROM process_events WHERE pid IN (3, 5) AND action = "
                   "'START' ORDER BY pid DESC"),
              ElementsAre("name-5|5|host-a", "name-3|3|host-a"));
  EXPECT_THAT(columns_, ElementsAre("name", "pid", "host"));
}

TEST_F(QueryTest, AnswersWhatEachPushedDownTermMeans) {
  Store(1, 10);
  const auto time = [](int sequence) { return std::to_string((3600LL + sequence) * 1000000000); };
  const std::string count = "SELECT count(*) FROM process_events WHERE ";
  const std::pair<std::string, std::string> cases[] = {
      {"event_time > " + time(4), "6"},
      {"event_time >= " + time(4), "7"},
      {"event_time < " + time(4), "3"},
      {"event_time <= " + time(4), "4"},
      {"event_time = " + time(4), "1"},
      {"event_time BETWEEN " + time(2) + " AND " + time(3), "2"},
      {"event_time > 3605.5e9", "5"},
      {"event_time > 'text'", "0"},
      {"event_time < 'text'", "10"},
      {"event_time = NULL", "0"},
      {"origin_stream_id = 'a'", "10"},
      {"origin_stream_id = 'A'", "0"},
      {"origin_stream_id = 'A' COLLATE NOCASE", "10"},
      {"origin_stream_id = 'a' AND origin_sequence = 7", "1"},
      {"origin_stream_id = 'a' AND origin_sequence = '7'", "1"},
      {"origin_stream_id IN ('a', 'b') AND origin_sequence IN (1, 2, 99)", "2"},
      {"origin_stream_id = 'a' AND origin_stream_id = 'b'", "0"},
      {"origin_stream_id = 'a' AND event_time > " + time(8), "2"},
      {"action = 'START'", "10"},
      {"action = 'STOP'", "0"},
      {"action = 'start'", "0"},
      {"action = 'start' COLLATE NOCASE", "10"},
      {"action = 'START' AND action = 'STOP'", "0"},
      {"action LIKE 'st%'", "10"},
      {"name LIKE '%-1_'", "1"},
      {"name GLOB '*-1*' OR pid = 5", "3"},
      {"name REGEXP '-[12]$'", "2"},
      {"command_line IS NULL", "10"},
  };
  for (const auto& [where, expected] : cases) {
    EXPECT_THAT(Rows(count + where), ElementsAre(expected)) << where;
  }
}

TEST_F(QueryTest, OrdersByTimeFromTheIndexAsASortWould) {
  std::vector<v1::CollectionEvent> events = MakeStoredEvents("a", 1, 6);
  std::swap(events[1], events[4]);
  ASSERT_TRUE(AppendTo(fixture_.store(), "log", 1, events).ok());
  for (const std::string direction : {"", " DESC"}) {
    const auto by_index = Rows("SELECT pid FROM process_events ORDER BY event_time" + direction);
    EXPECT_EQ(by_index, Rows("SELECT pid FROM process_events ORDER BY +event_time" + direction));
    EXPECT_THAT(by_index, SizeIs(6));
  }
  EXPECT_THAT(Rows("SELECT pid FROM process_events ORDER BY event_time DESC LIMIT 2"),
              ElementsAre("6", "5"));
}

TEST_F(QueryTest, AggregatesJoinsAndRecurses) {
  Store(1, 12);
  EXPECT_THAT(Rows("SELECT action, count(*), max(pid) FROM process_events GROUP BY action"),
              ElementsAre("START|12|12"));
  EXPECT_THAT(Rows("SELECT l.text, p.name FROM lists l JOIN process_events p ON p.pid = l.number "
                   "ORDER BY l.number"),
              ElementsAre("one|name-1", "two|name-2"));
  EXPECT_THAT(Rows("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3) "
                   "SELECT name FROM n JOIN process_events ON pid = x"),
              SizeIs(3));
  EXPECT_THAT(Rows("WITH few AS (SELECT pid FROM process_events LIMIT 3) SELECT count(*) FROM few"),
              ElementsAre("3"));
  EXPECT_THAT(Rows("SELECT * FROM lists"), ElementsAre("1|one|NULL", "2|two|2.500000"));
}

TEST_F(QueryTest, BindsParameters) {
  Store(1, 5);
  v1::QueryRequest request;
  request.set_sql("SELECT name FROM process_events WHERE pid = ?1 AND name <> ?2");
  request.add_parameters()->set_int64(4);
  EXPECT_THAT(Run(request).status().ToString(), HasSubstr("parameters: 1 given"));
  request.add_parameters()->set_string("' OR 1 = 1 --");
  ASSERT_TRUE(Run(request).ok());
  EXPECT_THAT(rows_, ElementsAre("name-4"));
}

TEST_F(QueryTest, RefusesAllButOneSelectAndSaysWhatAndWhere) {
  Store(1, 3);
  const std::pair<const char*, const char*> cases[] = {
      {"DELETE FROM process_events", "may not be modified"},
      {"INSERT INTO lists VALUES(1, 'x', 0)", "INSERT"},
      {"UPDATE lists SET number = 1", "may not be modified"},
      {"ATTACH '/tmp/x' AS y", "ATTACH is not allowed"},
      {"PRAGMA user_version", "PRAGMA is not allowed"},
      {"SELECT * FROM pragma_table_info('lists')", "a table that cannot be read here"},
      {"CREATE TABLE x(y)", "is not allowed"},
      {"BEGIN", "a transaction is not allowed"},
      {"SELECT 1; SELECT 2", "a second statement at position 10"},
      {"SELECT 1; DROP TABLE lists", "a second statement"},
      {"EXPLAIN SELECT 1", "not a SELECT"},
      {"", "no statement"},
      {"-- nothing", "no statement"},
      {"SELEKT 1", "syntax error at position 1"},
      {"SELECT nme FROM process_events", "no such column: nme at position 8"},
      {"SELECT * FROM nowhere", "no such table: nowhere"},
      {"SELECT * FROM events", "no such table: events"},
      {"SELECT * FROM sqlite_schema", "\"sqlite_master\" cannot be read here"},
      {"SELECT count(*) FROM sqlite_schema", "\"sqlite_schema\" cannot be read here"},
      {"SELECT count(*) FROM dbstat", "cannot be read here"},
      {"SELECT load_extension('x')", "function load_extension() is not allowed at position 8"},
      {"SELECT zeroblob(1000000000)", "zeroblob() is not allowed"},
      {"SELECT printf('%1000000000d', 1)", "printf() is not allowed"},
      {"SELECT \"text\"", "no such column: text"},
      {"SELECT name REGEXP '(' FROM process_events", "missing"},
  };
  for (const auto& [sql, what] : cases) {
    const absl::Status status = Run(std::string(sql)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << sql << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what)) << sql;
  }
}

TEST_F(QueryTest, RefusesARequestThatIsOutOfBounds) {
  v1::QueryRequest request;
  request.set_sql("SELECT 1");
  request.set_max_rows(kMaxQueryRows + 1);
  EXPECT_THAT(Run(request).status().ToString(), HasSubstr("max_rows"));
  request.set_max_rows(1);
  request.mutable_timeout()->set_seconds(601);
  EXPECT_THAT(Run(request).status().ToString(), HasSubstr("timeout"));
  request.clear_timeout();
  request.set_sql("SELECT '" + std::string(kMaxQueryBytes, 'x') + "'");
  EXPECT_THAT(Run(request).status().ToString(), HasSubstr("sql"));
}

TEST_F(QueryTest, CutsOffWhatNeverEndsOrTakesAllMemory) {
  Store(1, 1000);
  v1::QueryRequest request;
  request.mutable_timeout()->set_nanos(200'000'000);
  for (const char* sql : {
           "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
           "SELECT count(*) FROM process_events a, process_events b, process_events c",
           "SELECT count(*) FROM lists a, lists b, lists c, lists d, lists e, lists f, lists g, "
           "lists h, lists i, lists j, lists k, lists l, lists m, lists n, lists o, lists p, "
           "lists q, lists r, lists s, lists t, lists u, lists v, lists w, lists x",
       }) {
    request.set_sql(sql);
    EXPECT_EQ(Run(request).status().code(), absl::StatusCode::kDeadlineExceeded) << sql;
  }
  request.mutable_timeout()->set_seconds(30);
  request.set_sql(
      "WITH RECURSIVE n(x, t) AS (SELECT 1, hex(replace('xxxxxxxxxx', 'x', 'yyyyyyyyyyyyyyyyyyyy'))"
      " UNION ALL SELECT x + 1, t || x FROM n WHERE x < 2000000) SELECT t FROM n ORDER BY t");
  EXPECT_EQ(Run(request).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(QueryTest, CutsTheRowsOffAndSaysSo) {
  Store(1, 30);
  v1::QueryRequest request;
  request.set_sql("SELECT pid FROM process_events");
  request.set_max_rows(7);
  const auto outcome = Run(request);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(outcome->truncated);
  EXPECT_EQ(outcome->rows, 7u);
  EXPECT_THAT(rows_, SizeIs(7));
  request.set_max_rows(30);
  EXPECT_FALSE(Run(request)->truncated);
}

TEST_F(QueryTest, TellsItsProgressWhileNoRowComes) {
  v1::QueryRequest request;
  request.set_sql(
      "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) "
      "FROM n");
  request.mutable_timeout()->set_seconds(2);
  request.mutable_timeout()->set_nanos(500'000'000);
  EXPECT_EQ(Run(request).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(progress_, 2);
}

TEST_F(QueryTest, EndsWhenTheCallerHasGoneOrItIsStopped) {
  Store(1, 10);
  has_gone_ = true;
  EXPECT_EQ(Run("SELECT pid FROM process_events").status().code(), absl::StatusCode::kCancelled);
  has_gone_ = false;
  stop_.request_stop();
  EXPECT_EQ(Run("SELECT pid FROM process_events").status().code(), absl::StatusCode::kCancelled);
}

TEST_F(QueryTest, TellsWhichTimeItRestsOn) {
  Store(1, 3);
  EXPECT_FALSE(Run("SELECT * FROM lists")->has_read_events);
  const auto all = Run("SELECT pid FROM process_events");
  EXPECT_TRUE(all->has_read_events);
  EXPECT_EQ(all->since, absl::InfinitePast());
  const auto range = Run("SELECT pid FROM process_events WHERE event_time >= 5 AND event_time < 9");
  EXPECT_EQ(range->since, absl::FromUnixNanos(5));
  EXPECT_EQ(range->until, absl::FromUnixNanos(9));
}

TEST_F(QueryTest, LooksUpWhatEqualsInALiveTable) {
  auto rows = std::make_shared<std::vector<Row>>();
  for (int64_t i = 0; i < 2000; ++i) {
    rows->push_back({i, "name-" + std::to_string(i % 1000), i % 7 == 0 ? CellValue() : 0.5 * i});
  }
  tables_.push_back({.name = "now",
                     .description = "A thing.",
                     .is_live = true,
                     .is_observed = true,
                     .columns = {{"number", "INTEGER"}, {"name", "TEXT"}, {"ratio", "REAL"}},
                     .open = [rows]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
                       return MakeRowCursor(rows);
                     }});
  const std::pair<const char*, const char*> cases[] = {
      {"number = 7", "1"},
      {"number = 7.0", "1"},
      {"number = '7'", "1"},
      {"number = 7.5", "0"},
      {"number = NULL", "0"},
      {"number IN (1, 2, 2, NULL, 5000)", "2"},
      {"name = 'name-3'", "2"},
      {"name = 'NAME-3'", "0"},
      {"name = 'NAME-3' COLLATE NOCASE", "2"},
      {"name = 3", "0"},
      {"name = x'6e'", "0"},
      {"name = 'name-3' AND number = 3", "1"},
      {"name IN (SELECT name FROM now WHERE number < 5)", "10"},
      {"ratio = 1", "1"},
      {"ratio IS NULL", "286"},
  };
  for (const auto& [where, expected] : cases) {
    const std::string sql = std::string("SELECT count(*) FROM now WHERE ") + where;
    EXPECT_THAT(Rows(sql), ElementsAre(expected)) << where;
  }
  // Four million pairs, of which nearly none is looked at.
  v1::QueryRequest request;
  request.set_sql("SELECT count(*) FROM now a JOIN now b ON a.number = b.number + 1");
  request.mutable_timeout()->set_seconds(20);
  const auto outcome = Run(request);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(rows_, ElementsAre("1999"));
  EXPECT_TRUE(outcome->has_read_observed);
  EXPECT_FALSE(Run("SELECT * FROM lists")->has_read_observed);
}

TEST_F(QueryTest, PassesOverAStoredEventThatIsBrokenAndSaysSo) {
  Store(1, 3);
  const v1::CollectionEvent event = MakeStoredEvent("a", 4);
  const std::vector<EventToStore> broken = {{.sequence = 4, .event = &event, .bytes = "\xff\xff"}};
  ASSERT_TRUE(fixture_.store().Append({.log_stream_id = "log", .events = broken}).ok());
  Store(5, 1);
  const auto outcome = Run("SELECT pid FROM process_events");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(rows_, ElementsAre("1", "2", "3", "5"));
  EXPECT_EQ(outcome->unreadable, 1u);
}

TEST_F(QueryTest, FindsWhatItLooksUpInBlocksAsAScanWould) {
  // Three logs, blocks that are full and blocks that are not, keys in one and in many of them.
  uint64_t next = 1;
  for (const char* log : {"one", "two", "one"}) {
    for (int batch = 0; batch < 7; ++batch, next += 500) {
      std::vector<v1::CollectionEvent> events = MakeStoredEvents("a", next, 500);
      for (auto& event : events) {
        const uint64_t n = event.origin().sequence();
        event.mutable_process()->set_process_key("key-" + std::to_string(n % 3000));
        if (n % 10 == 0) event.mutable_process()->set_name("tenth");
      }
      ASSERT_TRUE(AppendTo(fixture_.store(), log, next, events).ok());
    }
  }
  const uint64_t all = next - 1;
  for (const std::string order : {"", " ORDER BY event_time", " ORDER BY event_time DESC"}) {
    for (const std::string where :
         {"name = 'tenth'", "name = 'name-4321'", "process_key = 'key-77'", "name = 'none'",
          "process_key = 'key-10' AND name = 'tenth'", "name IN ('name-1', 'name-9001')",
          "process_key = 'key-77' AND event_time > 3700000000000"}) {
      const std::string looked_up = "SELECT pid FROM process_events WHERE " + where + order;
      std::string scanned = looked_up;
      // Its own copy of each column: nothing to push down.
      for (const char* column : {"name", "process_key"}) {
        for (size_t at = scanned.find(column); at != std::string::npos;
             at = scanned.find(column, at + 3)) {
          if (scanned[at + std::string(column).size()] == ' ') scanned.insert(at++, "+");
        }
      }
      std::vector<std::string> found = Rows(looked_up);
      std::vector<std::string> expected = Rows(scanned);
      if (order.empty()) {
        std::ranges::sort(found);
        std::ranges::sort(expected);
      }
      EXPECT_EQ(found, expected) << looked_up;
    }
  }
  const std::string tenths = "SELECT count(*) FROM process_events WHERE name = 'tenth'";
  EXPECT_THAT(Rows(tenths), ElementsAre(std::to_string(all / 10)));
  // Letting go of the oldest neither hides others nor ends the block that grows.
  const auto pruned = fixture_.store().Prune(
      {.max_age = absl::Seconds(static_cast<int64_t>(all)), .max_sample_age = absl::Hours(1000)},
      absl::FromUnixSeconds(3600 + 2 * all - 5000), 10'000);
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  ASSERT_GT(pruned->expired, 0u);
  std::vector<v1::CollectionEvent> late = MakeStoredEvents("a", next, 10);
  for (auto& event : late) event.mutable_process()->set_name("late");
  ASSERT_TRUE(AppendTo(fixture_.store(), "one", next, late).ok());
  EXPECT_THAT(Rows("SELECT count(*) FROM process_events WHERE name = 'late'"), ElementsAre("10"));
  EXPECT_EQ(Rows(tenths), Rows("SELECT count(*) FROM process_events WHERE +name = 'tenth'"));
}

TEST_F(QueryTest, RefusesARowThatNoClientCouldTake) {
  std::vector<v1::CollectionEvent> events = MakeStoredEvents("a", 1, 1);
  events[0].mutable_process()->add_command_line(std::string(60'000, 'x'));
  ASSERT_TRUE(AppendTo(fixture_.store(), "log", 1, events).ok());
  std::string columns = "pid";
  for (int i = 0; i < 60; ++i) columns += ", command_line";
  const absl::Status status = Run("SELECT " + columns + " FROM process_events").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("row 1 of the answer has"));
}

TEST_F(QueryTest, BindsEveryTypeAsItIs) {
  v1::QueryRequest request;
  request.set_sql("SELECT typeof(?1), typeof(?2), typeof(?3), typeof(?4), typeof(?5), ?1, ?3");
  request.add_parameters()->set_int64(INT64_MIN);
  request.add_parameters()->set_double_(0.5);
  request.add_parameters()->set_string("a\0b\xc3\xa9");
  request.add_parameters()->set_bytes(std::string("\xff\0", 2));
  request.add_parameters()->set_null(true);
  ASSERT_TRUE(Run(request).ok());
  EXPECT_THAT(rows_, ElementsAre("integer|real|text|blob|null|-9223372036854775808|a"));
  request.set_sql("SELECT :name, @other, $third, ?4, ?5");
  EXPECT_TRUE(Run(request).ok());
  request.mutable_parameters(2)->set_string(std::string(70'000, 'x'));
  EXPECT_THAT(Run(request).status().ToString(), HasSubstr("parameters[2]"));
}

TEST_F(QueryTest, KeepsItsMessagesSmall) {
  std::vector<v1::CollectionEvent> events = MakeStoredEvents("a", 1, 200);
  for (auto& event : events) event.mutable_process()->add_command_line(std::string(60'000, 'x'));
  ASSERT_TRUE(AppendTo(fixture_.store(), "log", 1, events).ok());
  EXPECT_THAT(Rows("SELECT command_line FROM process_events"), SizeIs(200));
  EXPECT_GT(messages_, 30);
}

}  // namespace
}  // namespace daemoneye::storage
