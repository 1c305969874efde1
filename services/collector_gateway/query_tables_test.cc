#include "services/collector_gateway/query_tables.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/clock.h"
#include "libs/event_bus/local_event_bus.h"
#include "libs/storage/sqlite/query.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::CollectionEvent ProcessAt(int64_t seconds, const std::string& host, int number,
                              v1::ProcessAction action = v1::PROCESS_ACTION_START) {
  v1::CollectionEvent event;
  event.mutable_event_time()->set_seconds(seconds);
  event.mutable_origin()->set_host(host);
  event.mutable_origin()->set_monitor("procmond");
  event.mutable_process()->set_action(action);
  event.mutable_process()->set_process_key(host + "-" + std::to_string(number));
  event.mutable_process()->set_pid(static_cast<uint32_t>(number));
  event.mutable_process()->set_name("name-" + std::to_string(number));
  return event;
}

class QueryTablesTest : public ::testing::Test {
 protected:
  void Apply(const v1::CollectionEvent& event) { live_.Apply(event, absl::InfiniteFuture()); }

  std::vector<std::string> Rows(const std::string& sql) {
    const std::vector<storage::RowTable> tables = MakeQueryTables(sources_);
    v1::QueryRequest request;
    request.set_sql(sql);
    std::vector<std::string> rows;
    const auto outcome = storage::RunQuery(
        request, {.events = nullptr,
                  .tables = &tables,
                  .clock = &base::Clock::Real(),
                  .stop = {},
                  .emit = [&](const v1::QueryResponse& response) {
                    for (const v1::QueryRow& row : response.rows().rows()) {
                      std::string text;
                      for (const v1::Cell& cell : row.cells()) {
                        text += (text.empty() ? "" : "|") +
                                (cell.has_int64() ? std::to_string(cell.int64()) : cell.string());
                      }
                      rows.push_back(text);
                    }
                    return true;
                  }});
    EXPECT_TRUE(outcome.ok()) << sql << ": " << outcome.status();
    return rows;
  }

  trigger::LiveTables live_;
  int reads_ = 0;
  std::function<void()> between_reads_ = [] {};
  QueryTableSources sources_ = {
      .read_live = [this](const std::function<void(const trigger::LiveTables&)>& read) {
        if (reads_++ > 0) between_reads_();
        read(live_);
      }};
};

TEST_F(QueryTablesTest, ShowsTheProcessesThatTriggersSeeAlsoThoseThatEndedLately) {
  Apply(ProcessAt(100, "a", 1));
  Apply(ProcessAt(100, "b", 2));
  Apply(ProcessAt(110, "b", 2, v1::PROCESS_ACTION_STOP));
  EXPECT_THAT(
      Rows("SELECT host, pid, ifnull(end_time, 0) / 1000000000 FROM processes ORDER BY pid"),
      ElementsAre("a|1|0", "b|2|110"));
  EXPECT_THAT(Rows("SELECT name FROM processes WHERE end_time IS NULL"), ElementsAre("name-1"));
  Apply(ProcessAt(170, "a", 3));
  EXPECT_THAT(Rows("SELECT pid FROM processes ORDER BY pid"), ElementsAre("1", "2", "3"));
  Apply(ProcessAt(171, "a", 3, v1::PROCESS_ACTION_SAMPLE));
  EXPECT_THAT(Rows("SELECT pid FROM processes ORDER BY pid"), ElementsAre("1", "3"));
}

TEST_F(QueryTablesTest, HasTheSameColumnsOfProcessesAsTriggers) {
  for (const storage::RowTable& table : MakeQueryTables(sources_)) {
    for (const sql::LiveTable* live : live_.tables()) {
      if (live->name() != table.name) continue;
      std::vector<std::string> ours, theirs;
      for (const storage::RowColumn& column : table.columns) ours.push_back(column.name);
      for (const sql::LiveColumn& column : live->columns()) theirs.push_back(column.name);
      EXPECT_EQ(ours, theirs) << table.name;
      EXPECT_TRUE(table.is_for_triggers);
    }
  }
}

TEST_F(QueryTablesTest, TakesProcessesAFewAtATimeAndEachOnce) {
  for (int i = 0; i < 1000; ++i) Apply(ProcessAt(100, "a", i));
  // The first ones end, are forgotten, and others take their places meanwhile.
  between_reads_ = [this] {
    const int round = reads_;
    Apply(ProcessAt(100, "a", round, v1::PROCESS_ACTION_STOP));
    Apply(ProcessAt(300 * round, "a", 5000 + round));
  };
  EXPECT_THAT(Rows("SELECT count(*) = count(DISTINCT process_key), count(*) >= 990 FROM processes"),
              ElementsAre("1|1"));
  EXPECT_GE(reads_, 4);
  reads_ = 0;
  EXPECT_THAT(Rows("SELECT count(*) FROM processes a JOIN processes b ON a.process_key = "
                   "b.process_key WHERE a.pid = 900"),
              ElementsAre("1"));
  EXPECT_EQ(reads_, 4);
}

TEST_F(QueryTablesTest, ShowsBaselineAndListsAsOfOneMoment) {
  v1::CollectionEvent seen = ProcessAt(7, "a", 1);
  seen.mutable_process()->set_executable_path("/bin/x");
  seen.mutable_process()->set_executable_hash("abc");
  seen.mutable_process()->set_hash_algorithm("sha256");
  Apply(seen);
  EXPECT_THAT(Rows("SELECT path, hash, host, source, first_seen FROM hash_baseline"),
              ElementsAre("/bin/x|abc|a|first_seen|7000000000"));
  trigger::Lists lists;
  for (int i = 0; i < 1000; ++i) lists["before"].push_back(std::to_string(i));
  live_.SetLists(lists);
  EXPECT_THAT(Rows("SELECT value FROM lists WHERE list = 'before' AND value = '999'"),
              ElementsAre("999"));
  reads_ = 0;
  between_reads_ = [this] {
    if (reads_ == 2) live_.SetLists({{"after", {"1", "2"}}});
  };
  EXPECT_THAT(Rows("SELECT DISTINCT list FROM lists"), ElementsAre("after"));
}

TEST_F(QueryTablesTest, ShowsConnectionsThatTheLogKnows) {
  EXPECT_THAT(Rows("SELECT destination_port FROM connections"), IsEmpty());
  event_bus::LocalEventBus bus({.monitor = "netmond", .host = "h"}, base::Clock::Real());
  sources_.bus = &bus;
  event::EventList events(1);
  events[0].mutable_network()->set_action(v1::NETWORK_ACTION_CONNECT);
  events[0].mutable_network()->set_connection_id("c1");
  events[0].mutable_network()->set_destination_port(443);
  bus.Publish(events);
  EXPECT_THAT(Rows("SELECT connection_id, destination_port, host FROM connections"),
              ElementsAre("c1|443|h"));
  events[0].mutable_network()->set_action(v1::NETWORK_ACTION_CLOSE);
  bus.Publish(events);
  EXPECT_THAT(Rows("SELECT connection_id FROM connections"), IsEmpty());
}

TEST_F(QueryTablesTest, NamesEveryTableOfTheContractAlsoWithoutSources) {
  std::map<std::string, size_t> columns;
  for (const storage::RowTable& table : MakeQueryTables({})) {
    columns[table.name] = table.columns.size();
    sources_ = {};
    EXPECT_THAT(Rows("SELECT * FROM " + table.name), IsEmpty());
  }
  for (const char* name :
       {"alerts", "audit", "connections", "hash_baseline", "lists", "monitors", "processes"}) {
    EXPECT_GT(columns[name], 1u) << name;
  }
  EXPECT_THAT(columns, SizeIs(7));
}

}  // namespace
}  // namespace daemoneye::gateway
