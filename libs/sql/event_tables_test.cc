#include "libs/sql/event_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cmath>
#include <set>
#include <string>

namespace daemoneye::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;

// The cell as text: 'text', number, or NULL.
std::string Show(const v1::CollectionEvent& event, const char* table, const char* column) {
  const EventTable* found = FindEventTable(table);
  const std::optional<size_t> index = found->FindColumn(column);
  if (!index) return "no such column";
  std::string scratch;
  const Cell cell = found->columns[*index].Get(event, &scratch);
  switch (cell.type) {
    case CellType::kNull:
      return "NULL";
    case CellType::kInteger:
      return std::to_string(cell.integer);
    case CellType::kReal:
      return std::to_string(cell.real);
    case CellType::kText:
      EXPECT_EQ(cell.text.data()[cell.text.size()], '\0');
      return "'" + std::string(cell.text) + "'";
  }
  return "";
}

TEST(EventTablesTest, AreThoseOfEveryKindOfTheLog) {
  std::vector<std::string> names;
  for (const EventTable& table : EventTables()) names.push_back(table.name);
  EXPECT_THAT(names, ElementsAre("process_events", "network_events", "filesystem_events",
                                 "performance_events", "trigger_events", "loss_events"));
  EXPECT_EQ(FindEventTable("PROCESS_events")->kind, v1::EVENT_KIND_PROCESS);
  EXPECT_EQ(FindEventTable("processes"), nullptr);
}

TEST(EventTablesTest, EveryFieldOfThePayloadIsAColumn) {
  for (const EventTable& table : EventTables()) {
    const auto* payload =
        v1::CollectionEvent::descriptor()->FindFieldByNumber(static_cast<int>(table.payload));
    for (int i = 0; i < payload->message_type()->field_count(); ++i) {
      const auto* field = payload->message_type()->field(i);
      bool is_found = table.FindColumn(field->name()).has_value();
      for (const Column& column : table.columns) {
        is_found |= column.path().size() > 1 && column.path()[1] == field;
      }
      EXPECT_TRUE(is_found) << field->full_name();
    }
  }
}

TEST(EventTablesTest, NamesAreUniqueAndNeedNoQuotes) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
  for (const EventTable& table : EventTables()) {
    std::set<std::string> names;
    EXPECT_EQ(sqlite3_exec(db, table.Declaration().c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    for (const Column& column : table.columns) {
      EXPECT_TRUE(names.insert(column.name()).second) << column.name();
      const std::string sql = "SELECT " + column.name() + " FROM " + table.name;
      EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
          << sqlite3_errmsg(db);
    }
  }
  sqlite3_close(db);
}

TEST(EventTablesTest, AbsentIsNull) {
  v1::CollectionEvent event;
  event.mutable_process();
  for (const Column& column : FindEventTable("process_events")->columns) {
    std::string scratch;
    const Cell cell = column.Get(event, &scratch);
    // A boolean without presence is false.
    if (column.kind() == Column::Kind::kBool && !cell.is_null()) {
      EXPECT_EQ(cell.integer, 0) << column.name();
    } else {
      EXPECT_TRUE(cell.is_null()) << column.name();
    }
  }
}

TEST(EventTablesTest, ZeroIsAValueWhereThereIsPresence) {
  v1::CollectionEvent event;
  event.mutable_process()->set_user_id(0);
  event.mutable_process()->set_exit_code(0);
  event.mutable_process()->set_name("");
  event.mutable_process()->set_file_exists(false);
  EXPECT_EQ(Show(event, "process_events", "user_id"), "0");
  EXPECT_EQ(Show(event, "process_events", "exit_code"), "0");
  EXPECT_EQ(Show(event, "process_events", "name"), "''");
  EXPECT_EQ(Show(event, "process_events", "file_exists"), "0");
  EXPECT_EQ(Show(event, "process_events", "first_image"), "0");
  EXPECT_EQ(Show(event, "process_events", "accessible"), "NULL");
}

TEST(EventTablesTest, ValuesOfAProcess) {
  v1::CollectionEvent event;
  event.mutable_origin()->set_host("web.1");
  event.mutable_origin()->set_sequence(7);
  event.mutable_correlation()->set_correlation_id("c");
  event.mutable_event_time()->set_seconds(1'700'000'000);
  event.mutable_event_time()->set_nanos(5);
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(v1::PROCESS_ACTION_SUSPICIOUS);
  process.add_command_line("sh");
  process.add_command_line("-c \"x\"\n");
  process.set_cpu_usage_percent(0.5);
  process.mutable_capabilities()->set_effective(~uint64_t{0});
  process.mutable_namespaces()->set_pid(4026531836);
  process.mutable_suspicion()->set_severity(v1::SEVERITY_HIGH);
  process.mutable_runtime()->set_seconds(-1);
  process.mutable_runtime()->set_nanos(-500'000'000);
  const std::pair<const char*, const char*> expected[] = {
      {"action", "'SUSPICIOUS'"},
      {"command_line", "'sh -c \"x\"\n'"},
      {"command_line_json", R"('["sh","-c \"x\"\u000a"]')"},
      {"cpu_usage_percent", "0.500000"},
      {"capabilities_effective", "-1"},
      {"namespaces_pid", "4026531836"},
      {"suspicion_severity", "'HIGH'"},
      {"suspicion_rule", "NULL"},
      {"runtime", "-1500000000"},
      {"event_time", "1700000000000000005"},
      {"host", "'web.1'"},
      {"origin_sequence", "7"},
      {"correlation_id", "'c'"},
  };
  for (const auto& [column, value] : expected) {
    EXPECT_EQ(Show(event, "process_events", column), value) << column;
  }
}

TEST(EventTablesTest, MapIsJsonInTheOrderOfItsKeys) {
  v1::CollectionEvent event;
  auto& labels = *event.mutable_performance()->mutable_labels();
  for (const char* key : {"zone", "a\"b", "mid"}) labels[key] = "v";
  EXPECT_EQ(Show(event, "performance_events", "labels"), R"('{"a\"b":"v","mid":"v","zone":"v"}')");
}

// A length-delimited field on the wire; for short bodies and numbers below 16.
std::string Delimited(int number, const std::string& body) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(body.size())) + body;
}

TEST(EventTablesTest, EveryMapCanBeRead) {
  for (const EventTable& table : EventTables()) {
    for (const Column& column : table.columns) {
      if (column.kind() != Column::Kind::kMapJson) continue;
      std::string bytes = Delimited(1, "k");
      for (auto field = column.path().rbegin(); field != column.path().rend(); ++field) {
        bytes = Delimited((*field)->number(), bytes);
      }
      v1::CollectionEvent event;
      ASSERT_TRUE(event.ParseFromString(bytes));
      EXPECT_EQ(Show(event, table.name.c_str(), column.name().c_str()), R"('{"k":""}')");
    }
  }
}

TEST(EventTablesTest, PayloadsOwnCorrelationIdKeepsItsName) {
  v1::CollectionEvent event;
  event.mutable_correlation()->set_correlation_id("of the event");
  event.mutable_trigger_request()->set_correlation_id("of the match");
  EXPECT_EQ(Show(event, "trigger_events", "correlation_id"), "'of the match'");
  EXPECT_EQ(Show(event, "trigger_events", "event_correlation_id"), "'of the event'");
}

TEST(EventTablesTest, EnumValueOfANewerPeerIsItsNumber) {
  v1::CollectionEvent event;
  event.mutable_process()->set_action(static_cast<v1::ProcessAction>(77));
  EXPECT_EQ(Show(event, "process_events", "action"), "'77'");
  event.mutable_process()->set_action(static_cast<v1::ProcessAction>(-1));
  EXPECT_EQ(Show(event, "process_events", "action"), "'-1'");
}

TEST(EventTablesTest, OddNumbersStayInBounds) {
  v1::CollectionEvent event;
  event.mutable_event_time()->set_seconds(253'402'300'799);  // the year 9999
  event.mutable_process()->set_cpu_usage_percent(std::nan(""));
  EXPECT_EQ(Show(event, "process_events", "event_time"), "9223372036854775807");
  EXPECT_EQ(Show(event, "process_events", "cpu_usage_percent"), "NULL");
}

TEST(EventTablesTest, LongTextsAreCutAndJsonStaysJson) {
  v1::CollectionEvent event;
  event.mutable_process()->set_name(std::string(kMaxCellBytes - 1, 'x') + "é");
  for (int i = 0; i < 100; ++i) event.mutable_process()->add_command_line(std::string(999, '"'));
  const std::string name = Show(event, "process_events", "name");
  EXPECT_EQ(name.size(), kMaxCellBytes - 1 + 2) << "cut at a character, shown in quotes";
  EXPECT_EQ(Show(event, "process_events", "command_line").size(), kMaxCellBytes + 2);
  const std::string json = Show(event, "process_events", "command_line_json");
  EXPECT_LE(json.size(), kMaxCellBytes + 2);
  EXPECT_THAT(json, EndsWith("\"]'"));
}

}  // namespace
}  // namespace daemoneye::sql
