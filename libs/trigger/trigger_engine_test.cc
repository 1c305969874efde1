#include "libs/trigger/trigger_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <string>
#include <vector>

#include "libs/base/fake_clock.h"
#include "libs/base/thread.h"

namespace daemoneye::trigger {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakeSink final : public MatchSink {
 public:
  bool OnMatch(const TriggerMatch& match) override {
    if (is_busy) return false;
    matches.push_back(match);
    return true;
  }
  void OnTimeout(const TriggerMatch& match) override { timed_out.push_back(match); }
  void OnRateLimited(const RateLimitNotice& notice) override { notices.push_back(notice); }
  void OnSuspended(const std::string& id, const std::string&) override { suspended.push_back(id); }

  bool is_busy = false;
  std::vector<TriggerMatch> matches;
  std::vector<TriggerMatch> timed_out;
  std::vector<RateLimitNotice> notices;
  std::vector<std::string> suspended;
};

v1::Trigger SqlTrigger(std::string id, std::string sql) {
  v1::Trigger trigger;
  trigger.set_id(std::move(id));
  trigger.mutable_condition()->set_sql(std::move(sql));
  return trigger;
}

v1::CollectionEvent Process(std::string name, std::string key = "k1") {
  v1::CollectionEvent event;
  event.mutable_origin()->set_host("h");
  event.mutable_origin()->set_monitor("procmond");
  event.mutable_process()->set_action(v1::PROCESS_ACTION_EXEC);
  event.mutable_process()->set_first_image(true);
  event.mutable_process()->set_name(std::move(name));
  event.mutable_process()->set_process_key(std::move(key));
  return event;
}

class TriggerEngineTest : public ::testing::Test {
 protected:
  void Apply(std::vector<v1::Trigger> triggers) {
    const auto refusals =
        engine_.Apply({.triggers = std::move(triggers), .lists = {}, .baseline = {}});
    ASSERT_THAT(refusals, IsEmpty()) << refusals[0].problems[0].ShortDebugString();
  }
  void Process(const std::vector<v1::CollectionEvent>& events) {
    std::vector<const v1::CollectionEvent*> pointers;
    for (const auto& event : events) pointers.push_back(&event);
    engine_.Process(pointers);
  }
  v1::TriggerStatistics Statistics(const std::string& id) {
    const auto all = engine_.Statistics({id});
    return all.empty() ? v1::TriggerStatistics() : all[0];
  }

  base::FakeClock clock_;
  FakeSink sink_;
  TriggerEngine engine_{{}, sink_, clock_};
};

TEST_F(TriggerEngineTest, AMatchReachesTheSinkOnce) {
  Apply({SqlTrigger("t", "name = 'nc'")});
  Process({trigger::Process("nc"), trigger::Process("sh"), trigger::Process("nc")});
  ASSERT_THAT(sink_.matches, SizeIs(1));
  EXPECT_EQ(sink_.matches[0].trigger->id(), "t");
  EXPECT_EQ(sink_.matches[0].event->process().name(), "nc");
  const v1::TriggerStatistics statistics = Statistics("t");
  EXPECT_EQ(statistics.evaluated(), 3u);
  EXPECT_EQ(statistics.matched(), 2u);
  EXPECT_EQ(statistics.accepted(), 1u);
  EXPECT_EQ(statistics.suppressed().at("duplicate"), 1u);
}

TEST_F(TriggerEngineTest, ADuplicateIsOneUntilItsWindowEnds) {
  Apply({SqlTrigger("t", "name = 'nc'")});
  Process({trigger::Process("nc")});
  clock_.Advance(absl::Seconds(299));
  Process({trigger::Process("nc")});
  EXPECT_THAT(sink_.matches, SizeIs(1));
  clock_.Advance(absl::Seconds(2));
  Process({trigger::Process("nc")});
  ASSERT_THAT(sink_.matches, SizeIs(2));
  EXPECT_EQ(sink_.matches[0].suppressed, 0u);
  EXPECT_EQ(sink_.matches[1].suppressed, 1u) << "the next one tells what was held back";
}

TEST_F(TriggerEngineTest, TheBusyTargetsMatchWaitsAndTimesOut) {
  Apply({SqlTrigger("t", "name = 'nc'")});
  sink_.is_busy = true;
  Process({trigger::Process("nc")});
  EXPECT_EQ(engine_.Queue().depth, 1u);
  clock_.Advance(absl::Seconds(31));
  engine_.Tick();
  EXPECT_THAT(sink_.timed_out, SizeIs(1));
  EXPECT_EQ(engine_.Queue().timed_out, 1u);
  EXPECT_EQ(engine_.Queue().depth, 0u);
}

TEST_F(TriggerEngineTest, WhatWaitsAtTheEndIsTold) {
  Apply({SqlTrigger("t", "name = 'nc'")});
  sink_.is_busy = true;
  Process({trigger::Process("nc")});
  engine_.GiveUpQueued();
  EXPECT_THAT(sink_.timed_out, SizeIs(1));
  EXPECT_EQ(engine_.Queue().depth, 0u);
  engine_.GiveUpQueued();
  EXPECT_THAT(sink_.timed_out, SizeIs(1));
}

TEST_F(TriggerEngineTest, ARateLimitedMatchIsToldOnceAndNotMuted) {
  v1::Trigger trigger = SqlTrigger("t", "name = 'nc'");
  trigger.set_rate_per_minute(2);
  Apply({trigger});
  std::vector<v1::CollectionEvent> events;
  for (int i = 0; i < 5; ++i) events.push_back(trigger::Process("nc", "k" + std::to_string(i)));
  Process(events);
  EXPECT_THAT(sink_.matches, SizeIs(2));
  EXPECT_THAT(sink_.notices, SizeIs(1));
  EXPECT_EQ(Statistics("t").suppressed().at("rate_limited"), 3u);
  clock_.Advance(absl::Seconds(61));
  Process({events[4]});
  EXPECT_THAT(sink_.matches, SizeIs(3)) << "a rate-limited match must not count as accepted";
}

TEST_F(TriggerEngineTest, AnExceptionTakesAMatchOutAndIsCounted) {
  v1::Trigger trigger = SqlTrigger("t", "name LIKE 'n%'");
  trigger.add_exceptions("name = 'nginx'");
  trigger.add_exceptions("user_id = 33 -- a comment");
  Apply({trigger});
  Process({trigger::Process("nginx"), trigger::Process("nc", "k2")});
  ASSERT_THAT(sink_.matches, SizeIs(1));
  EXPECT_EQ(sink_.matches[0].event->process().name(), "nc");
  EXPECT_EQ(Statistics("t").suppressed().at("excepted"), 1u);
  EXPECT_EQ(Statistics("t").matched(), 1u);
}

TEST_F(TriggerEngineTest, ARequestThatIsTooDeepOrItsOwnIsSuppressed) {
  Apply({SqlTrigger("t", "SELECT 1 FROM trigger_events WHERE trigger_id IS NOT NULL")});
  v1::CollectionEvent other;
  other.mutable_trigger_request()->set_trigger_id("other");
  other.mutable_trigger_request()->set_depth(3);
  v1::CollectionEvent own;
  own.mutable_trigger_request()->set_trigger_id("t");
  Process({other, own});
  EXPECT_THAT(sink_.matches, IsEmpty());
  EXPECT_EQ(Statistics("t").suppressed().at("too_deep"), 2u);
  other.mutable_trigger_request()->set_depth(1);
  Process({other});
  ASSERT_THAT(sink_.matches, SizeIs(1));
  EXPECT_EQ(sink_.matches[0].depth, 2u);
}

TEST_F(TriggerEngineTest, AMonitorsOwnChildrenAreInNoLiveTable) {
  Apply({SqlTrigger("t",
                    "SELECT p.name FROM process_events p WHERE p.name = 'sh' AND EXISTS (SELECT 1 "
                    "FROM processes q WHERE q.name = 'canary' AND q.parent_key = p.process_key)")});
  v1::CollectionEvent canary = trigger::Process("canary", "k2");
  canary.mutable_process()->set_parent_key("k1");
  canary.mutable_process()->set_executable_path("/memfd:canary");
  canary.mutable_process()->set_executable_hash("00ff");
  canary.mutable_process()->set_hash_algorithm("sha256");
  canary.mutable_process()->set_own(true);
  Process({canary, trigger::Process("sh", "k1")});
  EXPECT_THAT(sink_.matches, IsEmpty());
  canary.mutable_process()->set_own(false);
  Process({canary, trigger::Process("sh", "k1")});
  EXPECT_THAT(sink_.matches, SizeIs(1));
}

TEST_F(TriggerEngineTest, AJoinSeesTheProcessesAsTheyStood) {
  Apply({SqlTrigger("t",
                    "SELECT p.name, q.name AS parent FROM process_events p JOIN processes q ON "
                    "q.process_key = p.parent_key WHERE q.name = 'nginx' AND p.name IN ('sh', "
                    "'bash')")});
  v1::CollectionEvent orphan = trigger::Process("sh", "k2");
  orphan.mutable_process()->set_parent_key("k1");
  v1::CollectionEvent child = trigger::Process("bash", "k3");
  child.mutable_process()->set_parent_key("k1");
  Process({orphan, trigger::Process("nginx", "k1"), child});
  ASSERT_THAT(sink_.matches, SizeIs(1));
  EXPECT_EQ(sink_.matches[0].event->process().name(), "bash");
  EXPECT_EQ(sink_.matches[0].details.at("parent"), "nginx");
}

TEST_F(TriggerEngineTest, AJoinIsIndexedByTheTermsOfItsEvent) {
  for (const char* sql : {
           "SELECT p.* FROM process_events p JOIN processes q ON q.process_key = p.parent_key "
           "WHERE q.name = 'nginx' AND p.name IN ('sh', 'bash')",
           "SELECT p.* FROM processes q JOIN process_events p ON q.process_key = p.parent_key "
           "WHERE q.name = 'nginx' AND p.name = 'sh'",
           "SELECT p.* FROM process_events p, lists l WHERE l.list = 'tools' AND l.value = p.name "
           "AND p.command_line LIKE '%/dev/tcp/%'",
           "name = 'sh' AND EXISTS (SELECT 1 FROM processes q WHERE q.process_key = parent_key "
           "AND q.name = 'nginx')",
           "SELECT p.* FROM process_events p LEFT JOIN processes q ON q.pid = p.ppid WHERE "
           "p.executable_path GLOB '/tmp/*' AND q.pid IS NULL",
       }) {
    const v1::ValidateTriggerResponse response = engine_.Validate(SqlTrigger("t", sql));
    EXPECT_THAT(response.problems(), IsEmpty()) << sql;
    EXPECT_TRUE(response.indexed()) << sql;
  }
}

TEST_F(TriggerEngineTest, AnAggregateOverLiveTablesNeedsNoWindow) {
  Apply({SqlTrigger("t",
                    "SELECT p.name FROM process_events p WHERE (SELECT count(*) FROM processes q "
                    "WHERE q.parent_key = p.process_key) >= 2")});
  std::vector<v1::CollectionEvent> events;
  for (const char* key : {"a", "b"}) {
    events.push_back(trigger::Process("child", key));
    events.back().mutable_process()->set_parent_key("k1");
  }
  events.push_back(trigger::Process("parent", "k1"));
  Process(events);
  ASSERT_THAT(sink_.matches, SizeIs(1));
  EXPECT_EQ(sink_.matches[0].event->process().name(), "parent");
}

TEST_F(TriggerEngineTest, AWindowMatchesAKeyOnceWithItsEvidence) {
  v1::Trigger trigger = SqlTrigger(
      "t",
      "SELECT parent_key, count(*) AS n FROM process_events WHERE action = 'EXEC' GROUP BY "
      "parent_key HAVING count(*) > 2");
  trigger.mutable_condition()->mutable_window()->set_seconds(10);
  trigger.mutable_condition()->set_key("parent_key");
  Apply({trigger});
  std::vector<v1::CollectionEvent> events;
  for (int i = 0; i < 4; ++i) {
    events.push_back(trigger::Process("x", "k" + std::to_string(i)));
    events.back().mutable_process()->set_parent_key(i == 3 ? "other" : "shell");
    events.back().mutable_origin()->set_sequence(i + 1);
    events.back().mutable_event_time()->set_seconds(absl::ToUnixSeconds(clock_.Now()));
  }
  Process(events);
  clock_.Advance(absl::Seconds(1));
  engine_.Tick();
  ASSERT_THAT(sink_.matches, SizeIs(1));
  EXPECT_EQ(sink_.matches[0].key, "shell");
  EXPECT_EQ(sink_.matches[0].details.at("n"), "3");
  ASSERT_THAT(sink_.matches[0].evidence, SizeIs(3));
  EXPECT_EQ(sink_.matches[0].evidence[0].sequence(), 3u);
  clock_.Advance(absl::Seconds(1));
  engine_.Tick();
  EXPECT_EQ(Statistics("t").matched(), 1u) << "it still holds, and is no new match";
}

TEST_F(TriggerEngineTest, AChangedHashMatchesTheBaselineThatWasSeenFirst) {
  v1::Trigger trigger;
  trigger.set_id("t");
  trigger.mutable_condition()->mutable_hash_mismatch();
  Apply({trigger});
  v1::CollectionEvent event = trigger::Process("d");
  event.mutable_process()->set_executable_path("/usr/bin/d");
  event.mutable_process()->set_executable_hash("aa");
  event.mutable_process()->set_hash_algorithm("sha256");
  Process({event, event});
  EXPECT_THAT(sink_.matches, IsEmpty());
  event.mutable_process()->set_executable_hash("bb");
  Process({event});
  EXPECT_THAT(sink_.matches, SizeIs(1));
}

TEST_F(TriggerEngineTest, WhatKeepsExceedingItsBudgetIsSuspendedAndItsNeighbourGoesOn) {
  Apply({SqlTrigger("bomb",
                    "EXISTS (SELECT 1 FROM json_each(command_line_json) a, "
                    "json_each(command_line_json) b, json_each(command_line_json) c WHERE a.value "
                    "|| b.value || c.value = 'never')"),
         SqlTrigger("good", "name = 'nc'")});
  std::vector<v1::CollectionEvent> events;
  for (int i = 0; i < 20; ++i) {
    events.push_back(trigger::Process("x"));
    for (int j = 0; j < 2000; ++j) events.back().mutable_process()->add_command_line("a");
  }
  events.push_back(trigger::Process("nc"));
  Process(events);
  EXPECT_THAT(sink_.suspended, ElementsAre("bomb"));
  EXPECT_FALSE(Statistics("bomb").suspended().empty());
  EXPECT_THAT(sink_.matches, SizeIs(1));
}

// Costs milliseconds where it is not cut off.
constexpr char kDear[] =
    "EXISTS (SELECT 1 FROM json_each(command_line_json) a, json_each(command_line_json) b WHERE "
    "a.value || b.value = 'never')";

v1::CollectionEvent DearProcess() {
  v1::CollectionEvent event = Process("x");
  for (int j = 0; j < 60; ++j) event.mutable_process()->add_command_line("a");
  return event;
}

TEST_F(TriggerEngineTest, WhatKeepsTakingTooMuchOfACoreIsSuspendedUntilItIsTurnedOffAndOn) {
  EngineOptions options{.event_budget = absl::Seconds(10)};  // nothing is cut off
  options.cost_limits.max_cpu_ratio = 0.001;
  TriggerEngine engine(options, sink_, clock_);
  v1::Trigger dear = SqlTrigger("dear", kDear);
  const auto apply = [&] {
    ASSERT_THAT(
        engine.Apply(
            {.triggers = {dear, SqlTrigger("good", "name = 'nc'")}, .lists = {}, .baseline = {}}),
        IsEmpty());
  };
  apply();
  const v1::CollectionEvent event = DearProcess();
  const std::vector<const v1::CollectionEvent*> events(20, &event);
  for (int second = 0; second < 60 && sink_.suspended.empty(); ++second) {
    engine.Process(events);
    clock_.Advance(absl::Milliseconds(1100));
  }
  EXPECT_THAT(sink_.suspended, ElementsAre("dear"));
  const v1::TriggerStatistics statistics = engine.Statistics({"dear"}).at(0);
  EXPECT_THAT(statistics.suspended(), ::testing::HasSubstr("of CPU time within 30 s"));
  EXPECT_EQ(statistics.errors(), 0u);
  EXPECT_TRUE(engine.Statistics({"good"}).at(0).suspended().empty());
  dear.set_enabled(false);
  apply();
  EXPECT_TRUE(engine.Statistics({"dear"}).at(0).suspended().empty());
  dear.set_enabled(true);
  apply();
  engine.Process({events.data(), 1});
  EXPECT_GT(engine.Statistics({"dear"}).at(0).evaluated(), statistics.evaluated());
}

TEST_F(TriggerEngineTest, WhoAsksDoesNotWaitForAWholeBatch) {
  EngineOptions options{.event_budget = absl::Seconds(10)};
  options.cost_limits.max_cpu_ratio = 1000;
  TriggerEngine engine(options, sink_, clock_);
  ASSERT_THAT(engine.Apply({.triggers = {SqlTrigger("dear", kDear)}, .lists = {}, .baseline = {}}),
              IsEmpty());
  const v1::CollectionEvent event = DearProcess();
  const std::vector<const v1::CollectionEvent*> events(3000, &event);
  base::Thread thread("process", [&](const std::stop_token&) { engine.Process(events); });
  uint64_t evaluated = 0;
  while (evaluated == 0) evaluated = engine.Statistics({"dear"}).at(0).evaluated();
  EXPECT_LT(evaluated, events.size());
  thread.StopAndJoin();
  EXPECT_EQ(engine.Statistics({"dear"}).at(0).evaluated(), events.size());
}

TEST_F(TriggerEngineTest, ChangesBesideMatchingLoseNothing) {
  constexpr int kBatches = 200;
  const std::vector<v1::CollectionEvent> events(10, trigger::Process("nc"));
  Apply({SqlTrigger("same", "name = 'nc'")});
  base::Thread thread("process", [&](const std::stop_token&) {
    for (int i = 0; i < kBatches; ++i) Process(events);
  });
  while (Statistics("same").evaluated() < kBatches * events.size()) {
    Apply({SqlTrigger("same", "name = 'nc'"), SqlTrigger("other", "name LIKE 'n%'")});
    Apply({SqlTrigger("same", "name = 'nc'")});
  }
  thread.StopAndJoin();
  EXPECT_EQ(Statistics("same").evaluated(), kBatches * events.size());
  EXPECT_EQ(Statistics("same").matched(), kBatches * events.size());
  EXPECT_THAT(sink_.matches, SizeIs(testing::Ge(1u)));
}

TEST_F(TriggerEngineTest, BadStatementsAreRefusedAndNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"DELETE FROM process_events", "DELETE is not allowed"},
      {"ATTACH 'x' AS y", "ATTACH is not allowed"},
      {"PRAGMA user_version", "PRAGMA is not allowed"},
      {"SELECT 1 FROM process_events; SELECT 2", "only one statement"},
      {"WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT 1 FROM r, "
       "process_events",
       "table \"r\" cannot be read here"},
      {"length(zeroblob(1000000000)) > 1", "zeroblob() is not allowed"},
      {"SELECT count(*) FROM process_events", "needs window"},
      {"SELECT name FROM process_events GROUP BY name HAVING count(*) > 1", "needs window"},
      {"SELECT count(*) FROM processes q JOIN process_events p ON p.pid = q.pid", "needs window"},
      {"naem = 'x'", "did you mean name?"},
      {"name = 'x' AND", "incomplete"},
  };
  for (const auto& [sql, what] : kCases) {
    const auto refusals =
        engine_.Apply({.triggers = {SqlTrigger("t", sql)}, .lists = {}, .baseline = {}});
    ASSERT_THAT(refusals, SizeIs(1)) << sql;
    EXPECT_EQ(refusals[0].problems[0].field(), "condition.sql") << sql;
    EXPECT_THAT(refusals[0].problems[0].message(), ::testing::HasSubstr(what)) << sql;
  }
}

TEST_F(TriggerEngineTest, AGenerationKeepsWhatDidNotChange) {
  Apply({SqlTrigger("same", "name = 'nc'"), SqlTrigger("other", "name = 'nc'")});
  Process({trigger::Process("nc")});
  Apply({SqlTrigger("same", "name = 'nc'"), SqlTrigger("other", "name LIKE 'nc'")});
  Process({trigger::Process("nc")});
  EXPECT_EQ(Statistics("same").evaluated(), 2u);
  EXPECT_EQ(Statistics("same").suppressed().at("duplicate"), 1u);
  EXPECT_EQ(Statistics("other").evaluated(), 1u);
  EXPECT_EQ(Statistics("other").accepted(), 1u);
}

// An engine that is told what there was before it followed the events.
class IdleTriggerEngineTest : public TriggerEngineTest {
 protected:
  static constexpr char kUnderNginx[] =
      "SELECT p.* FROM process_events p JOIN processes q ON q.process_key = p.parent_key WHERE "
      "q.name = 'nginx'";

  static EngineOptions Told(const std::vector<v1::CollectionEvent>* state) {
    EngineOptions options;
    options.state = [state] { return *state; };
    return options;
  }
  void Process(const v1::CollectionEvent& event) {
    const v1::CollectionEvent* const pointer = &event;
    engine_.Process({&pointer, 1});
  }
  void Apply(std::vector<v1::Trigger> triggers) {
    ASSERT_THAT(engine_.Apply({.triggers = std::move(triggers), .lists = {}, .baseline = {}}),
                IsEmpty());
  }
  size_t Processes() {
    size_t processes = 0;
    engine_.ReadLive([&](const LiveTables& live) { processes = live.processes(); });
    return processes;
  }
  static v1::CollectionEvent Child(const std::string& key) {
    v1::CollectionEvent event = trigger::Process("sh", key);
    event.mutable_process()->set_parent_key("k1");
    return event;
  }

  std::vector<v1::CollectionEvent> state_ = {trigger::Process("nginx", "k1")};
  TriggerEngine engine_{Told(&state_), sink_, clock_};
};

TEST_F(IdleTriggerEngineTest, NeedsEventsOnlyWhileATriggerOrAReaderDoes) {
  EXPECT_FALSE(engine_.needs_events());
  v1::Trigger off = SqlTrigger("off", kUnderNginx);
  off.set_enabled(false);
  Apply({off});
  EXPECT_FALSE(engine_.needs_events());
  Apply({SqlTrigger("t", "name = 'nc'")});
  EXPECT_TRUE(engine_.needs_events());
  EXPECT_EQ(engine_.Gauges().processes, 0u) << "nobody reads them";
  Apply({});
  EXPECT_FALSE(engine_.needs_events());
  EXPECT_EQ(Processes(), 1u);
  EXPECT_TRUE(engine_.needs_events()) << "somebody reads them";
  clock_.Advance(absl::Minutes(11));
  engine_.Tick();
  EXPECT_FALSE(engine_.needs_events());
  EXPECT_EQ(engine_.Gauges().processes, 0u);
}

TEST_F(IdleTriggerEngineTest, AJoinFindsWhatRanBeforeItsTrigger) {
  Apply({SqlTrigger("other", "name = 'nc'")});
  Process(trigger::Process("unseen", "k9"));
  Apply({SqlTrigger("t", kUnderNginx)});
  EXPECT_EQ(engine_.Gauges().processes, 1u);
  Process(Child("k2"));
  EXPECT_THAT(sink_.matches, SizeIs(1));
  clock_.Advance(absl::Minutes(11));
  engine_.Tick();
  Process(Child("k3"));
  EXPECT_THAT(sink_.matches, SizeIs(2)) << "a trigger reads on";
}

TEST_F(IdleTriggerEngineTest, WhatAnEventToldMeanwhileIsNewerThanTheState) {
  v1::CollectionEvent renamed = trigger::Process("renamed", "k1");
  TriggerEngine* engine = nullptr;
  EngineOptions options;
  options.state = [&] {
    const v1::CollectionEvent* const event = &renamed;
    engine->Process({&event, 1});
    return state_;
  };
  TriggerEngine late(options, sink_, clock_);
  engine = &late;
  ASSERT_THAT(late.Apply({.triggers = {SqlTrigger("t", kUnderNginx)}, .lists = {}, .baseline = {}}),
              IsEmpty());
  const v1::CollectionEvent child = Child("k2");
  const v1::CollectionEvent* const event = &child;
  late.Process({&event, 1});
  EXPECT_THAT(sink_.matches, IsEmpty());
}

TEST_F(IdleTriggerEngineTest, ABackTestSeesTheProcessesThatNobodyFollowed) {
  bool is_done = false;
  const auto response = engine_.BackTest(SqlTrigger("", kUnderNginx),
                                         [&](std::vector<v1::CollectionEvent>* batch) {
                                           if (!is_done) *batch = {Child("k2")};
                                           is_done = true;
                                           return absl::OkStatus();
                                         },
                                         {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->matched(), 1u);
}

TEST_F(TriggerEngineTest, ABackTestFindsWhatWasMatchedAndHasNoEffect) {
  Apply({SqlTrigger("t", "name REGEXP '^n[cg]'")});
  const std::vector<v1::CollectionEvent> events = {trigger::Process("nc"), trigger::Process("sh"),
                                                   trigger::Process("nginx", "k2")};
  Process(events);
  bool is_done = false;
  const auto response = engine_.BackTest(SqlTrigger("", "name REGEXP '^n[cg]'"),
                                         [&](std::vector<v1::CollectionEvent>* batch) {
                                           if (!is_done) *batch = events;
                                           is_done = true;
                                           return absl::OkStatus();
                                         },
                                         {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->evaluated(), 3u);
  EXPECT_EQ(response->matched(), Statistics("t").matched());
  EXPECT_EQ(Statistics("t").evaluated(), 3u);
}

}  // namespace
}  // namespace daemoneye::trigger
