// TriggerSet held against plain SQLite tables, one statement a trigger, one event at a time, and
// against itself over other batches.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/sql/plain_tables.h"
#include "libs/sql/random_events.h"
#include "libs/sql/statement_compiler.h"
#include "libs/trigger/condition_sql.h"
#include "libs/trigger/trigger_set.h"

namespace daemoneye::trigger {
namespace {

constexpr int kTriggers = 400;
constexpr int kEvents = 300;

const Lists kLists = {{"l", {"nginx", "sh", "it's"}}};

using Matches = std::vector<std::pair<size_t, size_t>>;  // event, trigger

class RandomStatements {
 public:
  explicit RandomStatements(sql::RandomEvents& random) : random_(random) {}

  std::string Condition(int depth = 2) {
    if (depth == 0 || random_.OneIn(3)) return Term();
    switch (random_.Below(5)) {
      case 0:
        return "NOT (" + Condition(depth - 1) + ")";
      case 1:
        return "(" + Condition(depth - 1) + " OR " + Condition(depth - 1) + ")";
      default:
        return "(" + Condition(depth - 1) + " AND " + Condition(depth - 1) + ")";
    }
  }

  std::string Statement() {
    const std::string where = Condition();
    switch (random_.Below(9)) {
      case 0:
        return "SELECT DISTINCT name FROM process_events WHERE " + where;
      case 1:
        return "SELECT name FROM process_events WHERE " + where + " LIMIT 1";
      case 2:
        return "SELECT 1 FROM process_events a JOIN process_events b ON a.pid = b.ppid";
      case 3:
        return "SELECT 1 FROM process_events a WHERE NOT EXISTS (SELECT 1 FROM process_events b"
               " WHERE b.name = a.parent_name)";
      case 4:
        return "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM process_events WHERE " + where + ")";
      case 5:
        return "SELECT name FROM process_events WHERE " + where + " ORDER BY pid";
      case 6:
        return "SELECT name FROM process_events EXCEPT SELECT parent_name FROM process_events";
      default:
        return where;
    }
  }

  std::string LiveStatement() {
    const std::string where = Condition(1);
    switch (random_.Below(5)) {
      case 0:
        return "SELECT p.* FROM process_events p JOIN processes q ON q.process_key = p.parent_key"
               " WHERE q.name = " +
               Text() + " AND p.name IN (" + Text() + ", " + Text() + ")";
      case 1:
        return "SELECT 1 FROM process_events p LEFT JOIN processes q ON q.pid = p.ppid WHERE "
               "q.pid IS NULL AND p.name = " +
               Text();
      case 2:
        return "NOT EXISTS (SELECT 1 FROM processes q WHERE q.name = parent_name) AND " + where;
      case 3:
        return "SELECT p.name FROM process_events p WHERE (SELECT count(*) FROM processes q WHERE "
               "q.parent_key = p.process_key) > 1";
      default:
        return "name IN (SELECT value FROM lists WHERE list = 'l') AND " + where;
    }
  }

 private:
  std::string Text() {
    std::string text = random_.Text();
    std::erase(text, '\0');
    return SqlLiteral(text);
  }
  std::string Pattern(const char* any) {
    std::string text = random_.Text();
    std::erase(text, '\0');
    return SqlLiteral((random_.OneIn(2) ? any : "") + text + (random_.OneIn(2) ? any : ""));
  }
  std::string Column() {
    constexpr auto kColumns = std::to_array<const char*>(
        {"name", "parent_name", "executable_path", "command_line", "action", "host"});
    return kColumns[random_.Below(kColumns.size())];
  }
  std::string Number() {
    constexpr auto kColumns = std::to_array<const char*>(
        {"pid", "user_id", "cpu_usage_percent", "memory_usage_bytes", "file_exists"});
    return kColumns[random_.Below(kColumns.size())];
  }
  std::string Term() {
    constexpr auto kCompare = std::to_array<const char*>({" = ", " < ", " >= ", " > ", " <> "});
    constexpr auto kRegexps =
        std::to_array<const char*>({"'^n'", "'(?i)NGINX'", "'bin/(ba)?sh'", "'[0-9]+$'", "'日'"});
    switch (random_.Below(7)) {
      case 0:
        return Column() + " IN (" + Text() + ", " + Text() + ")";
      case 1:
        return Column() + " LIKE " + Pattern("%");
      case 2:
        return Column() + " GLOB " + Pattern("*");
      case 3:
        return Column() + " REGEXP " + kRegexps[random_.Below(kRegexps.size())];
      case 4:
        return Number() + kCompare[random_.Below(kCompare.size())] +
               std::to_string(random_.Number());
      default:
        return Column() + kCompare[random_.Below(kCompare.size())] + Text();
    }
  }

  sql::RandomEvents& random_;
};

class TriggerSetPropertyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < kEvents; ++i) {
      events_.push_back(random_.Next());
      events_.back()->mutable_process()->set_own(false);
    }
  }

  void AddTrigger(std::string sql) {
    auto trigger = std::make_shared<v1::Trigger>();
    trigger->set_id("t" + std::to_string(triggers_.size()));
    trigger->mutable_condition()->set_sql(std::move(sql));
    triggers_.push_back(std::move(trigger));
  }

  // What plain tables say after each event.
  Matches Expected() {
    sql::PlainTables plain;
    LiveTables live;
    live.SetLists(kLists);
    for (const sql::LiveTable* table : live.tables()) plain.SetRows(*table);
    Matches expected;
    for (size_t e = 0; e < events_.size(); ++e) {
      live.Apply(*events_[e], absl::InfiniteFuture());
      plain.SetRows(*live.tables()[0]);
      plain.SetEvent(*events_[e]);
      for (size_t t = 0; t < triggers_.size(); ++t) {
        const std::string& sql = triggers_[t]->condition().sql();
        const bool is_whole = sql::IsSelect(sql);
        if (plain.Matches(is_whole ? sql : "SELECT 1 FROM process_events WHERE (" + sql + ")")) {
          expected.emplace_back(e, t);
        }
      }
    }
    return expected;
  }

  // Fails at the first difference.
  void Compare(const Matches& actual, const Matches& expected) {
    for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
      const auto& [event, trigger] = std::min(actual[i], expected[i]);
      ASSERT_EQ(actual[i], expected[i]) << triggers_[trigger]->condition().sql() << "\n"
                                        << events_[event]->ShortDebugString();
    }
    ASSERT_EQ(actual.size(), expected.size());
  }

  // Over batches of up to `max_size` events.
  Matches Evaluate(size_t max_size) {
    LiveTables live;
    live.SetLists(kLists);
    std::vector<Refusal> refusals;
    const auto set = TriggerSet::Compile(triggers_, {}, &refusals);
    for (const Refusal& refusal : refusals) {
      ADD_FAILURE() << refusal.problems[0].ShortDebugString();
    }
    set->Bind(live);
    const auto all = sql::Pointers(events_);
    Matches matches;
    for (size_t at = 0; at < all.size();) {
      const size_t size = std::min(1 + random_.Below(max_size), all.size() - at);
      std::vector<Hit> hits;
      set->Evaluate(std::span(all).subspan(at, size), absl::InfiniteFuture(), &hits);
      for (const Hit& hit : hits) {
        const auto event = std::ranges::find(all, hit.event);
        matches.emplace_back(event - all.begin(), hit.trigger);
      }
      at += size;
    }
    for (size_t i = 0; i < set->size(); ++i) {
      batched_ += set->is_batched(i) ? 1 : 0;
      indexed_ += set->is_indexed(i) ? 1 : 0;
    }
    return matches;
  }

  sql::RandomEvents random_{20'261'122};
  std::vector<sql::EventPtr> events_;
  std::vector<std::shared_ptr<const v1::Trigger>> triggers_;
  int batched_ = 0;
  int indexed_ = 0;
};

TEST_F(TriggerSetPropertyTest, MatchesAreThoseOfOneStatementOneEventAtATime) {
  RandomStatements statements(random_);
  for (int i = 0; i < kTriggers; ++i) AddTrigger(statements.Statement());
  const Matches expected = Expected();
  Compare(Evaluate(64), expected);
  // The test would prove little if nothing were batched, indexed or matched.
  EXPECT_GT(batched_, kTriggers / 5);
  EXPECT_GT(indexed_, kTriggers / 8);
  EXPECT_GT(expected.size(), 1000u);
}

TEST_F(TriggerSetPropertyTest, BatchesNeverShowWhereLiveTablesAreRead) {
  RandomStatements statements(random_);
  for (int i = 0; i < 100; ++i) AddTrigger(statements.LiveStatement());
  const Matches expected = Expected();
  for (const size_t size : {1, 64, kEvents}) Compare(Evaluate(size), expected);
  EXPECT_GT(expected.size(), 100u);
}

}  // namespace
}  // namespace daemoneye::trigger
