#include "libs/storage/sqlite/sqlite_store.h"

#include <filesystem>
#include <memory>
#include <string>

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

  SqliteStoreFixture fixture_;
};

TEST_F(SqliteStoreTest, NumbersAlertsOnFromWhereItWas) {
  EXPECT_EQ(Raise("a", v1::SEVERITY_LOW), 1u);
  EXPECT_EQ(Raise("b", v1::SEVERITY_LOW), 2u);
  ASSERT_EQ(*store().alerts().PruneAlerts(absl::FromUnixSeconds(200), 10), 2u);
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
  EXPECT_EQ(*store().alerts().ReplayDead("hook", absl::Now()), 1u);
  EXPECT_THAT(PendingOf("hook"), ElementsAre(1));
  EXPECT_EQ(store().alerts().MarkDelivered("hook", 2).code(), absl::StatusCode::kNotFound);
  // What a sink waits for is not pruned.
  EXPECT_EQ(*store().alerts().PruneAlerts(absl::FromUnixSeconds(200), 10), 1u);
  const std::vector<std::string> kept{"file"};
  EXPECT_EQ(*store().alerts().DropOtherSinks(kept), 1u);
  EXPECT_THAT(PendingOf("file"), ElementsAre(1));
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

TEST_F(SqliteStoreTest, CanBeReadByItsOwnerAlone) {
  const auto permissions = std::filesystem::status(fixture_.path()).permissions();
  EXPECT_EQ(permissions & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
}

}  // namespace
}  // namespace daemoneye::storage
