#include "libs/storage/sqlite/sqlite_store.h"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/storage/event_store_conformance.h"
#include "libs/storage/sqlite/store_fixture.h"

namespace daemoneye::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, EventStoreConformance, SqliteStoreFixture);

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStore& store() { return fixture_.sqlite(); }
  uint64_t Raise(const std::string& id, v1::Severity severity,
                 const std::vector<std::string>& sinks = {}) {
    v1::Alert alert;
    alert.set_id(id);
    alert.set_severity(severity);
    alert.set_state(v1::ALERT_STATE_OPEN);
    alert.mutable_time()->set_seconds(100);
    const auto sequence = store().alerts().Append(alert, sinks, absl::FromUnixSeconds(100));
    EXPECT_TRUE(sequence.ok()) << sequence.status();
    return sequence.value_or(0);
  }
  std::vector<uint64_t> PendingOf(const std::string& sink) {
    std::vector<uint64_t> sequences;
    const auto pending = store().alerts().Pending(sink, 100);
    EXPECT_TRUE(pending.ok()) << pending.status();
    for (const Delivery& delivery : pending.value()) {
      sequences.push_back(delivery.alert.sequence());
    }
    return sequences;
  }

  absl::Status SaveExecution(const std::string& id, v1::ExecutionStatus status,
                             const std::string& workflow = "w", int64_t created = 100) {
    v1::WorkflowExecution execution;
    execution.set_id(id);
    execution.set_workflow_id(workflow);
    execution.set_status(status);
    execution.mutable_created_at()->set_seconds(created);
    const std::vector<const v1::WorkflowExecution*> executions = {&execution};
    return store().executions().Save(executions);
  }
  std::vector<std::string> ListExecutions(const ExecutionQuery& query) {
    std::vector<std::string> ids;
    const auto found = store().executions().List(query);
    EXPECT_TRUE(found.ok()) << found.status();
    for (const StoredExecution& stored : found.value()) ids.push_back(stored.execution.id());
    return ids;
  }

  SqliteStoreFixture fixture_;
};

TEST_F(SqliteStoreTest, NumbersAlertsOnFromWhereItWas) {
  EXPECT_EQ(Raise("a", v1::SEVERITY_LOW), 1u);
  EXPECT_EQ(Raise("b", v1::SEVERITY_LOW), 2u);
  ASSERT_EQ(*store().alerts().PruneAlerts(absl::FromUnixSeconds(200), 1000, 10), 2u);
  fixture_.Reopen();
  EXPECT_EQ(store().alerts().range()->oldest, 3u);
  EXPECT_EQ(store().alerts().range()->newest, 2u);
  EXPECT_EQ(Raise("c", v1::SEVERITY_LOW), 3u);
}

TEST_F(SqliteStoreTest, RefusesAnAlertTwice) {
  Raise("a", v1::SEVERITY_LOW);
  v1::Alert again;
  again.set_id("a");
  EXPECT_EQ(store().alerts().Append(again, {}, absl::Now()).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(store().health().ok());
}

TEST_F(SqliteStoreTest, ListsAlertsByFilterAndPage) {
  Raise("a", v1::SEVERITY_LOW);
  Raise("b", v1::SEVERITY_HIGH);
  Raise("c", v1::SEVERITY_CRITICAL);
  v1::AlertFilter filter;
  filter.set_minimum_severity(v1::SEVERITY_HIGH);
  const auto first = store().alerts().List(filter, 0, 1);
  ASSERT_THAT(*first, SizeIs(1));
  EXPECT_EQ(first->front().id(), "c");
  const auto second = store().alerts().List(filter, first->front().sequence(), 10);
  ASSERT_THAT(*second, SizeIs(1));
  EXPECT_EQ(second->front().id(), "b");
  EXPECT_EQ(store().alerts().ReadAfter({}, 1, 10)->front().id(), "b");
}

TEST_F(SqliteStoreTest, AcknowledgesAnAlert) {
  Raise("a", v1::SEVERITY_LOW);
  ASSERT_TRUE(store().alerts().Acknowledge("a", "eve", "seen", absl::FromUnixSeconds(7)).ok());
  fixture_.Reopen();
  const auto alert = store().alerts().Get("a");
  ASSERT_TRUE(alert.ok()) << alert.status();
  EXPECT_EQ(alert->state(), v1::ALERT_STATE_ACKNOWLEDGED);
  EXPECT_EQ(alert->acknowledged_by(), "eve");
  EXPECT_EQ(alert->acknowledged_at().seconds(), 7);
  EXPECT_EQ(store().alerts().Acknowledge("z", "", "", absl::Now()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, KeepsADeliveryUntilTheSinkHasItOrItIsDead) {
  Raise("a", v1::SEVERITY_LOW, {"file", "hook"});
  Raise("b", v1::SEVERITY_LOW, {"hook"});
  fixture_.Reopen();
  EXPECT_THAT(PendingOf("hook"), ElementsAre(1, 2));
  ASSERT_TRUE(store().alerts().MarkFailed("hook", 1, absl::FromUnixSeconds(9), "down").ok());
  EXPECT_EQ(store().alerts().Pending("hook", 1)->front().attempts, 1u);
  EXPECT_EQ(store().alerts().Pending("hook", 1)->front().last_error, "down");
  ASSERT_TRUE(store().alerts().MarkDead("hook", 1, "too old").ok());
  ASSERT_TRUE(store().alerts().MarkDelivered("hook", 2).ok());
  EXPECT_THAT(PendingOf("hook"), IsEmpty());
  EXPECT_EQ(store().alerts().Outbox("hook")->dead, 1u);
  EXPECT_EQ(*store().alerts().ReplayDead("hook", "", absl::Now()), 1u);
  EXPECT_THAT(PendingOf("hook"), ElementsAre(1));
  EXPECT_EQ(store().alerts().MarkDelivered("hook", 2).code(), absl::StatusCode::kNotFound);
  // What a sink waits for is not pruned.
  EXPECT_EQ(*store().alerts().PruneAlerts(absl::FromUnixSeconds(200), 1000, 10), 1u);
  const std::vector<std::string> kept{"file"};
  EXPECT_EQ(*store().alerts().DropOtherSinks(kept), 1u);
  EXPECT_THAT(PendingOf("file"), ElementsAre(1));
}

TEST_F(SqliteStoreTest, ListsAndReplaysDeadLetters) {
  for (const char* id : {"x", "y", "z"}) Raise(id, v1::SEVERITY_LOW, {"a", "b"});
  AlertStore& alerts = store().alerts();
  ASSERT_TRUE(alerts.MarkFailed("b", 1, absl::Now(), "down").ok());
  for (const uint64_t sequence : {1, 3}) ASSERT_TRUE(alerts.MarkDead("b", sequence, "no").ok());
  for (const uint64_t sequence : {3, 2}) ASSERT_TRUE(alerts.MarkDead("a", sequence, "no").ok());
  fixture_.Reopen();
  const auto list = [&](const DeadLetterFilter& filter, const DeadLetterPosition& after = {},
                        size_t max = 10) {
    std::vector<std::string> letters;
    const auto deliveries = *store().alerts().DeadLetters(filter, after, max);
    for (const Delivery& d : deliveries) letters.push_back(d.sink + d.alert.id());
    return letters;
  };
  EXPECT_THAT(list({}), ElementsAre("ay", "az", "bx", "bz"));
  EXPECT_THAT(list({}, {}, 3), ElementsAre("ay", "az", "bx"));
  EXPECT_THAT(list({}, {.sink = "a", .sequence = 3}), ElementsAre("bx", "bz"));
  EXPECT_THAT(list({.sink = "b"}), ElementsAre("bx", "bz"));
  EXPECT_THAT(list({.alert_id = "z"}), ElementsAre("az", "bz"));
  const Delivery letter = store().alerts().DeadLetters({.sink = "b"}, {}, 1)->front();
  EXPECT_EQ(letter.attempts, 2u);
  EXPECT_EQ(letter.last_error, "no");
  EXPECT_EQ(*store().alerts().ReplayDead("b", "z", absl::Now()), 1u);
  EXPECT_EQ(*store().alerts().ReplayDead("b", "y", absl::Now()), 0u) << "it is pending, not dead";
  EXPECT_EQ(*store().alerts().ReplayDead("b", "unknown", absl::Now()), 0u);
  EXPECT_THAT(list({}), ElementsAre("ay", "az", "bx"));
  EXPECT_EQ(*store().alerts().ReplayDead("a", {}, absl::Now()), 2u);
  EXPECT_THAT(list({}), ElementsAre("bx"));
  EXPECT_THAT(PendingOf("a"), ElementsAre(1, 2, 3));
}

TEST_F(SqliteStoreTest, KeepsTriggersAndMutes) {
  v1::Trigger trigger;
  trigger.set_id("t");
  trigger.set_description("first");
  ASSERT_TRUE(store().triggers().Put(trigger).ok());
  trigger.set_description("second");
  ASSERT_TRUE(store().triggers().Put(trigger).ok());
  ASSERT_TRUE(store().triggers().SetMute("f", absl::FromUnixSeconds(5)).ok());
  fixture_.Reopen();
  ASSERT_THAT(*store().triggers().List(), SizeIs(1));
  EXPECT_EQ(store().triggers().List()->front().description(), "second");
  EXPECT_EQ(store().triggers().Mutes()->at("f"), absl::FromUnixSeconds(5));
  ASSERT_TRUE(store().triggers().SetMute("f", absl::InfinitePast()).ok());
  EXPECT_THAT(*store().triggers().Mutes(), IsEmpty());
  EXPECT_TRUE(store().triggers().Delete("t").ok());
  EXPECT_EQ(store().triggers().Delete("t").code(), absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, KeepsWorkflows) {
  v1::Workflow workflow;
  for (const char* id : {"b", "a", "b"}) {
    workflow.set_id(id);
    workflow.set_description(workflow.description() + id);
    ASSERT_TRUE(store().executions().PutWorkflow(workflow).ok());
  }
  fixture_.Reopen();
  const auto workflows = store().executions().ListWorkflows();
  ASSERT_THAT(*workflows, SizeIs(2));
  EXPECT_EQ(workflows->front().id(), "a");
  EXPECT_EQ(workflows->back().description(), "bab");
  EXPECT_TRUE(store().executions().DeleteWorkflow("a").ok());
  EXPECT_EQ(store().executions().DeleteWorkflow("a").code(), absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, KeepsExecutionsInTheOrderInWhichTheyWereAccepted) {
  ASSERT_TRUE(SaveExecution("a", v1::EXECUTION_STATUS_PENDING).ok());
  ASSERT_TRUE(SaveExecution("b", v1::EXECUTION_STATUS_RUNNING, "v").ok());
  ASSERT_TRUE(SaveExecution("c", v1::EXECUTION_STATUS_PENDING).ok());
  ASSERT_TRUE(SaveExecution("a", v1::EXECUTION_STATUS_COMPLETED).ok());
  fixture_.Reopen();
  EXPECT_THAT(ListExecutions({}), ElementsAre("c", "b", "a"));
  EXPECT_THAT(ListExecutions({.workflow_id = "w"}), ElementsAre("c", "a"));
  EXPECT_THAT(ListExecutions({.statuses = {v1::EXECUTION_STATUS_COMPLETED}}), ElementsAre("a"));
  EXPECT_THAT(ListExecutions({.max = 1}), ElementsAre("c"));
  const uint64_t second = store().executions().List({.max = 2})->back().number;
  EXPECT_THAT(ListExecutions({.before = second}), ElementsAre("a"));
  ASSERT_THAT(*store().executions().Unfinished(), SizeIs(2));
  EXPECT_EQ(store().executions().Unfinished()->front().id(), "b");
  EXPECT_EQ(store().executions().Get("a")->status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_EQ(store().executions().Get("z").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, ForgetsOldExecutionsButNoneThatHasNotEnded) {
  for (int i = 1; i <= 6; ++i) {
    const auto status = i == 1 ? v1::EXECUTION_STATUS_RUNNING : v1::EXECUTION_STATUS_FAILED;
    ASSERT_TRUE(SaveExecution(std::to_string(i), status, "w", i).ok());
  }
  EXPECT_EQ(*store().executions().Prune(absl::FromUnixSeconds(4), 100, 100), 2u);
  EXPECT_THAT(ListExecutions({}), ElementsAre("6", "5", "4", "1"));
  EXPECT_EQ(*store().executions().Prune(absl::InfinitePast(), 1, 1), 1u);
  EXPECT_EQ(*store().executions().Prune(absl::InfinitePast(), 1, 100), 1u);
  EXPECT_THAT(ListExecutions({}), ElementsAre("6", "1"));
  EXPECT_EQ(store().rows()["executions"].pruned, 4u);
}

TEST_F(SqliteStoreTest, KeepsAuditRowsInOrder) {
  const auto append = [&](const std::string& target) {
    return *store().audit().Append({.time = absl::FromUnixSeconds(1), .target = target});
  };
  EXPECT_EQ(append("x"), 1u);
  EXPECT_EQ(append(std::string(5000, 'y')), 2u);
  fixture_.Reopen();
  const auto rows = store().audit().ReadAfter(0, 10);
  ASSERT_THAT(*rows, SizeIs(2));
  EXPECT_EQ(rows->front().target, "x");
  EXPECT_EQ(rows->back().target.size(), 4096u);
}

TEST_F(SqliteStoreTest, StoresAlertsThatComeTogetherAndPassesOverWhatItKnows) {
  Raise("b", v1::SEVERITY_LOW);
  std::vector<v1::Alert> alerts(3);
  std::vector<AlertToStore> to_store;
  for (size_t i = 0; i < alerts.size(); ++i) {
    alerts[i].set_id(std::string(1, static_cast<char>('a' + i)));
    to_store.push_back({.alert = &alerts[i], .sinks = {"file", "hook"}});
  }
  ASSERT_TRUE(store().alerts().AppendAll(to_store, absl::Now()).ok());
  EXPECT_EQ(alerts[0].sequence(), 2u);
  EXPECT_EQ(alerts[1].sequence(), 0u);
  EXPECT_EQ(alerts[2].sequence(), 3u);
  EXPECT_THAT(PendingOf("hook"), ElementsAre(2, 3));
  // Once more: they are stored already.
  ASSERT_TRUE(store().alerts().AppendAll(to_store, absl::Now()).ok());
  EXPECT_THAT(PendingOf("file"), ElementsAre(2, 3));
  EXPECT_EQ(store().alerts().range()->newest, 3u);
}

TEST_F(SqliteStoreTest, CountsTheRowsOfEveryTable) {
  const LogMark mark{.stream_id = "m", .sequence = 5};
  ASSERT_TRUE(AppendTo(store().events(), "log", 1, MakeStoredEvents("a", 1, 3), {&mark, 1}).ok());
  ASSERT_TRUE(AppendTo(store().events(), "log", 1, MakeStoredEvents("a", 1, 4), {&mark, 1}).ok());
  Raise("x", v1::SEVERITY_LOW, {"file", "hook"});
  ASSERT_TRUE(store().audit().Append({.time = absl::UnixEpoch()}).ok());
  v1::Trigger trigger;
  trigger.set_id("t");
  ASSERT_TRUE(store().triggers().Put(trigger).ok());
  ASSERT_TRUE(store().triggers().SetMute("t", absl::FromUnixSeconds(5)).ok());
  v1::Workflow workflow;
  workflow.set_id("w");
  ASSERT_TRUE(store().executions().PutWorkflow(workflow).ok());
  ASSERT_TRUE(SaveExecution("e", v1::EXECUTION_STATUS_PENDING).ok());
  ASSERT_TRUE(SaveExecution("e", v1::EXECUTION_STATUS_RUNNING).ok());
  const std::map<std::string, uint64_t> expected = {
      {"alerts", 1},     {"audit", 1},    {"deliveries", 2}, {"events", 4},
      {"executions", 1}, {"logs", 1},     {"marks", 1},      {"mutes", 1},
      {"publishers", 1}, {"triggers", 1}, {"workflows", 1}};
  std::map<std::string, uint64_t> stored;
  for (const auto& [table, rows] : store().rows()) stored[table] = rows.stored;
  EXPECT_EQ(stored, expected);
}

TEST_F(SqliteStoreTest, LetsGoOfWhatNoEventRefersToAnyMore) {
  const LogMark old_mark{.stream_id = "old", .sequence = 5};
  const LogMark new_mark{.stream_id = "new", .sequence = 7};
  ASSERT_TRUE(
      AppendTo(store().events(), "log-1", 1, MakeStoredEvents("a", 1, 3), {&old_mark, 1}).ok());
  ASSERT_TRUE(
      AppendTo(store().events(), "log-2", 1, MakeStoredEvents("b", 1000, 3), {&new_mark, 1}).ok());
  // Those of "a" are older than the policy wants.
  const auto pruned =
      store().events().Prune({.max_age = absl::Seconds(500), .max_sample_age = absl::Seconds(500)},
                             absl::FromUnixSeconds(3600 + 1100), 1000);
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->expired, 3u);
  for (const char* table : {"logs", "publishers", "marks"}) {
    EXPECT_EQ(store().rows()[table].pruned, 1u) << table;
  }
  EXPECT_EQ(store().rows()["events"].pruned, 3u);
  EXPECT_EQ(*store().events().LastPosition("old"), 0u);
  EXPECT_EQ(*store().events().LastPosition("new"), 7u);
  // Their keys are given anew, to no one else's events.
  ASSERT_TRUE(AppendTo(store().events(), "log-1", 4, MakeStoredEvents("a", 4, 2)).ok());
  EXPECT_EQ(store().events().HeldRange("log-1")->last, 5u);
  EXPECT_EQ(store().events().HeldRange("log-2")->last, 3u);
  EXPECT_EQ(*store().events().LastPosition("a"), 5u);
}

TEST_F(SqliteStoreTest, BoundsAlertsAndAuditByAgeAndNumber) {
  for (int i = 1; i <= 10; ++i) {
    Raise("a" + std::to_string(i), v1::SEVERITY_LOW, {i == 2 ? "hook" : "none"});
    ASSERT_TRUE(store().audit().Append({.time = absl::FromUnixSeconds(i)}).ok());
  }
  ASSERT_TRUE(store().alerts().DropOtherSinks(std::vector<std::string>{"hook"}).ok());
  // But the one that a sink waits for.
  EXPECT_EQ(*store().alerts().PruneAlerts(absl::InfinitePast(), 4, 100), 5u);
  EXPECT_EQ(store().alerts().range()->oldest, 2u);
  EXPECT_THAT(*store().alerts().List({}, 0, 100), SizeIs(5));
  EXPECT_EQ(*store().audit().Prune(absl::FromUnixSeconds(3), 100, 100), 2u);
  EXPECT_EQ(*store().audit().Prune(absl::InfinitePast(), 3, 2), 2u);
  EXPECT_EQ(*store().audit().Prune(absl::InfinitePast(), 3, 100), 3u);
  EXPECT_EQ(store().audit().ReadAfter(0, 100)->front().sequence, 8u);
  EXPECT_EQ(store().rows()["alerts"].pruned, 5u);
  EXPECT_EQ(store().rows()["audit"].pruned, 7u);
}

TEST_F(SqliteStoreTest, CanBeReadByItsOwnerAlone) {
  const auto permissions = std::filesystem::status(fixture_.path()).permissions();
  EXPECT_EQ(permissions & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
}

}  // namespace
}  // namespace daemoneye::storage
