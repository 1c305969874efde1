// SqlFilter held against a plain SQLite table that has the event as its only row, over generated
// statements and events, alone and in batches of any size.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "libs/sql/plain_tables.h"
#include "libs/sql/random_events.h"
#include "libs/sql/sql_filter.h"

namespace daemoneye::sql {
namespace {

constexpr int kStatements = 600;
constexpr int kEvents = 120;

// Conditions over process_events.
class RandomConditions {
 public:
  explicit RandomConditions(RandomEvents& random) : random_(random) {}

  std::string Next(int depth = 3) {
    if (depth == 0 || random_.OneIn(3)) return Term();
    switch (random_.Below(4)) {
      case 0:
        return "NOT (" + Next(depth - 1) + ")";
      case 1:
        return "CASE WHEN " + Next(depth - 1) + " THEN " + Next(0) + " ELSE " + Next(0) + " END";
      case 2:
        return "(" + Next(depth - 1) + " OR " + Next(depth - 1) + ")";
      default:
        return "(" + Next(depth - 1) + " AND " + Next(depth - 1) + ")";
    }
  }

  // A whole statement, with all that may depend on what else is in the table.
  std::string Select() {
    const std::string where = Next(2);
    switch (random_.Below(12)) {
      case 0:
        return "SELECT DISTINCT name FROM process_events WHERE " + where;
      case 1:
        return "SELECT name FROM process_events WHERE " + where + " LIMIT 1";
      case 2:
        return "SELECT name FROM process_events WHERE " + where + " ORDER BY pid DESC";
      case 3:
        return "SELECT 1 FROM process_events a JOIN process_events b ON a.pid = b.ppid";
      case 4:
        return "SELECT 1 FROM process_events a LEFT JOIN process_events b ON a.name = b.parent_name"
               " WHERE b.name IS NULL";
      case 5:
        return "SELECT 1 FROM process_events a WHERE NOT EXISTS (SELECT 1 FROM process_events b"
               " WHERE b.name = a.parent_name)";
      case 6:
        return "SELECT name FROM process_events EXCEPT SELECT parent_name FROM process_events";
      case 7:
        return "SELECT name FROM process_events WHERE " + where +
               " UNION ALL SELECT name FROM process_events WHERE " + Next(1);
      case 8:
        return "SELECT name FROM process_events GROUP BY name HAVING " + where;
      case 9:
        return "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM process_events WHERE " + where + ")";
      case 10:
        return "SELECT name FROM process_events WHERE pid > (SELECT pid FROM process_events "
               "WHERE " +
               where + ")";
      default:
        return "WITH p AS (SELECT * FROM process_events WHERE " + where +
               ") SELECT DISTINCT 1 FROM p WHERE " + Next(1);
    }
  }

 private:
  std::string Quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) {
      if (c == '\0') continue;
      quoted += c == '\'' ? "''" : std::string(1, c);
    }
    return quoted + "'";
  }

  template <size_t n>
  std::string OneOf(const std::array<const char*, n>& choices) {
    return choices[random_.Below(n)];
  }

  std::string TextColumn() {
    return OneOf(std::to_array({"name", "parent_name", "executable_path", "command_line", "action",
                                "command_line_json", "process_key", "parent_key", "host",
                                "suspicion_rule", "suspicion_severity", "tty"}));
  }
  std::string NumberColumn() {
    return OneOf(std::to_array({"pid", "ppid", "cpu_usage_percent", "memory_usage_bytes", "user_id",
                                "file_exists", "event_time", "capabilities_effective", "own"}));
  }
  std::string Literal() {
    switch (random_.Below(6)) {
      case 0:
        return std::to_string(random_.Number());
      case 1:
        return std::to_string(static_cast<double>(random_.Below(2000)) / 10);
      case 2:
        return random_.OneIn(3) ? "NULL" : "x'61'";
      default:
        return Quoted(random_.Text());
    }
  }
  std::string List() {
    std::string list = Literal();
    for (size_t i = random_.Below(5); i > 0; --i) list += ", " + Literal();
    return "(" + list + ")";
  }
  std::string Operand() {
    switch (random_.Below(8)) {
      case 0:
        return "lower(" + TextColumn() + ")";
      case 1:
        return NumberColumn() + " + 1";
      case 2:
        return TextColumn() + " || " + TextColumn();
      case 3:
        return TextColumn() + " COLLATE NOCASE";
      case 4:
      case 5:
        return NumberColumn();
      default:
        return TextColumn();
    }
  }
  std::string Pattern() {
    std::string pattern = random_.Text();
    if (random_.OneIn(2)) pattern = pattern.substr(0, 2);
    switch (random_.Below(5)) {
      case 0:
        return Quoted("%" + pattern + "%");
      case 1:
        return Quoted(pattern + "%");
      case 2:
        return Quoted("*" + pattern + "?");
      case 3:
        return Quoted("[a-n]" + pattern.substr(0, 1) + "*");
      default:
        return Quoted(pattern);
    }
  }
  std::string Term() {
    switch (random_.Below(9)) {
      case 0:
      case 1:
        return Operand() +
               OneOf(std::to_array({" = ", " <> ", " < ", " <= ", " > ", " >= ", " IS "})) +
               Literal();
      case 2:
        return Operand() + OneOf(std::to_array({" = ", " < ", " IS NOT "})) + Operand();
      case 3:
        return Operand() + OneOf(std::to_array({" IN ", " NOT IN "})) + List();
      case 4:
      case 5:
        return (random_.OneIn(4) ? Operand() : TextColumn()) +
               OneOf(std::to_array({" LIKE ", " GLOB ", " NOT LIKE "})) + Pattern();
      case 6:
        return TextColumn() + " REGEXP " +
               OneOf(std::to_array({"'^n'", "'in'", "'(?i)NG'", "'[0-9]+$'", "'\\.'", "''"}));
      case 7:
        return Operand() + " BETWEEN " + Literal() + " AND " + Literal();
      default:
        return Operand() + OneOf(std::to_array({" IS NULL", " IS NOT NULL"}));
    }
  }

  RandomEvents& random_;
};

std::string Show(const v1::CollectionEvent& event) { return event.ShortDebugString(); }

// The same events in spans of random sizes.
std::vector<bool> InBatches(SqlFilter& filter, const std::vector<EventPtr>& events,
                            RandomEvents& random) {
  const std::vector<const v1::CollectionEvent*> all = Pointers(events);
  std::vector<bool> answers;
  while (answers.size() < all.size()) {
    const size_t size = std::min(1 + random.Below(64), all.size() - answers.size());
    std::vector<bool> some;
    EXPECT_TRUE(filter.Match(std::span(all).subspan(answers.size(), size), &some).ok());
    answers.insert(answers.end(), some.begin(), some.end());
  }
  return answers;
}

class SqlFilterPropertyTest : public ::testing::Test {
 protected:
  // Fails where the filter's answers are not the plain table's. `sql` is what the filter takes.
  void Compare(const std::string& sql, const std::string& plain_sql) {
    const auto filter = SqlFilter::Create(sql);
    ASSERT_TRUE(filter.ok()) << filter.status() << "\n" << sql;
    batched_ += (*filter)->is_batch_independent() ? 1 : 0;
    std::vector<bool> expected;
    for (const EventPtr& event : events_) {
      plain_.SetEvent(*event);
      expected.push_back(plain_.Matches(plain_sql));
    }
    const std::vector<bool> actual = InBatches(**filter, events_, random_);
    for (size_t i = 0; i < events_.size(); ++i) {
      matches_ += expected[i] ? 1 : 0;
      ASSERT_EQ(actual[i], expected[i])
          << sql << "\n"
          << Show(*events_[i]) << "\nbatch independent: " << (*filter)->is_batch_independent();
    }
  }

  void SetUp() override {
    for (int i = 0; i < kEvents; ++i) events_.push_back(random_.Next());
  }

  RandomEvents random_{20'240'229};
  std::vector<EventPtr> events_;
  PlainTables plain_;
  int batched_ = 0;
  int matches_ = 0;
};

TEST_F(SqlFilterPropertyTest, ConditionsAgreeWithAPlainTable) {
  RandomConditions conditions(random_);
  for (int i = 0; i < kStatements && !HasFatalFailure(); ++i) {
    const std::string condition = conditions.Next();
    Compare(condition, "SELECT 1 FROM process_events WHERE (" + condition + ")");
  }
  // The test would prove little if nothing were batched, or nothing matched.
  EXPECT_GT(batched_, kStatements * 17 / 20);
  EXPECT_GT(matches_, kStatements * kEvents / 10);
}

TEST_F(SqlFilterPropertyTest, StatementsAgreeWithAPlainTable) {
  RandomConditions conditions(random_);
  for (int i = 0; i < kStatements && !HasFatalFailure(); ++i) {
    const std::string sql = conditions.Select();
    Compare(sql, sql);
  }
  EXPECT_LT(batched_, kStatements / 2);
  EXPECT_GT(matches_, kStatements * kEvents / 10);
}

}  // namespace
}  // namespace daemoneye::sql
