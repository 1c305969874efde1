#include "services/collector_gateway/trigger_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/clock.h"
#include "libs/storage/sqlite/sqlite_store.h"

namespace daemoneye::gateway {
namespace {

using ::testing::HasSubstr;

class CountingSink final : public trigger::MatchSink {
 public:
  bool OnMatch(const trigger::TriggerMatch& /*match*/) override { return ++matches > 0; }
  void OnTimeout(const trigger::TriggerMatch& /*match*/) override {}
  void OnRateLimited(const trigger::RateLimitNotice& /*notice*/) override {}
  void OnSuspended(const std::string& /*id*/, const std::string& /*reason*/) override {}

  int matches = 0;
};

v1::Trigger SqlTrigger(const std::string& id, const std::string& sql) {
  v1::Trigger trigger;
  trigger.set_id(id);
  trigger.mutable_condition()->set_sql(sql);
  return trigger;
}

// Processes 1..count, one a second, every third named "nc".
std::vector<v1::CollectionEvent> Events(int count) {
  std::vector<v1::CollectionEvent> events;
  for (int i = 1; i <= count; ++i) {
    v1::CollectionEvent& event = events.emplace_back();
    event.set_sequence(static_cast<uint64_t>(i));
    event.mutable_origin()->set_stream_id("6f2c3b8e-0000-4000-8000-000000000001");
    event.mutable_origin()->set_sequence(static_cast<uint64_t>(i));
    event.mutable_origin()->set_host("h");
    event.mutable_origin()->set_monitor("m");
    event.mutable_event_time()->set_seconds(1'700'000'000 + i);
    v1::ProcessEvent& process = *event.mutable_process();
    process.set_action(v1::PROCESS_ACTION_START);
    process.set_pid(static_cast<uint32_t>(i));
    process.set_process_key("key-" + std::to_string(i));
    process.set_name(i % 3 == 0 ? "nc" : "cat");
    process.set_first_image(true);
  }
  return events;
}

class TriggerRequestsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(registry_.Load({}).ok()); }

  CountingSink sink_;
  trigger::TriggerEngine engine_{{}, sink_, base::Clock::Real()};
  TriggerRegistry registry_{engine_, nullptr, base::Clock::Real()};
};

TEST_F(TriggerRequestsTest, ListsInPagesById) {
  for (const char* id : {"c", "a", "b"}) {
    ASSERT_TRUE(registry_.Create(SqlTrigger(id, "pid = 1")).ok());
  }
  v1::ListTriggersRequest request;
  request.set_page_size(2);
  v1::ListTriggersResponse first;
  ASSERT_TRUE(ListTriggers(registry_, request, first).ok());
  ASSERT_EQ(first.triggers_size(), 2);
  EXPECT_EQ(first.triggers(1).id(), "b");
  request.set_page_token(first.next_page_token());
  v1::ListTriggersResponse second;
  ASSERT_TRUE(ListTriggers(registry_, request, second).ok());
  ASSERT_EQ(second.triggers_size(), 1);
  EXPECT_EQ(second.triggers(0).id(), "c");
  EXPECT_EQ(second.next_page_token(), "");
  request.set_page_size(-1);
  EXPECT_THAT(std::string(ListTriggers(registry_, request, second).message()),
              HasSubstr("page_size"));
}

TEST_F(TriggerRequestsTest, StatisticsOfATriggerThatIsNotThereAreRefused) {
  v1::GetTriggerStatisticsRequest request;
  request.add_trigger_ids("nope");
  v1::GetTriggerStatisticsResponse response;
  EXPECT_EQ(FillStatistics(engine_, registry_, request, response).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(TriggerRequestsTest, ABackTestFindsWhatWasMatchedLive) {
  const v1::Trigger trigger = SqlTrigger("t", "name = 'nc'");
  ASSERT_TRUE(registry_.Create(trigger).ok());
  const std::vector<v1::CollectionEvent> events = Events(90);
  std::vector<const v1::CollectionEvent*> pointers;
  std::vector<std::string> bytes;
  std::vector<storage::EventToStore> stored;
  for (const v1::CollectionEvent& event : events) {
    pointers.push_back(&event);
    bytes.push_back(event.SerializeAsString());
  }
  for (size_t i = 0; i < events.size(); ++i)
    stored.push_back({events[i].sequence(), &events[i], bytes[i]});
  engine_.Process(pointers);

  const auto store =
      storage::SqliteStore::Open({.path = testing::TempDir() + "/back_test.db"}).value();
  ASSERT_TRUE(store->events().Append({.log_stream_id = "log", .events = stored}).ok());
  v1::BackTestTriggerRequest request;
  *request.mutable_trigger() = trigger;
  request.set_max_matches(5);
  v1::BackTestTriggerResponse response;
  const auto never = [] { return false; };
  const absl::Status tested = BackTest(engine_, store->events(), request, never, response);
  ASSERT_TRUE(tested.ok()) << tested;
  EXPECT_EQ(response.evaluated(), 90u);
  EXPECT_EQ(response.matched(), 30u);
  EXPECT_EQ(response.matches_size(), 5);
  EXPECT_EQ(response.matches(0).event().process().pid(), 3u);
  EXPECT_EQ(engine_.Statistics({"t"}).at(0).matched(), response.matched());
  EXPECT_EQ(sink_.matches, 30);

  request.mutable_since()->set_seconds(1'700'000'000 + 46);
  request.mutable_until()->set_seconds(1'700'000'000 + 61);
  ASSERT_TRUE(BackTest(engine_, store->events(), request, never, response).ok());
  EXPECT_EQ(response.matched(), 5u);  // 48, 51, 54, 57, 60
  EXPECT_EQ(BackTest(
                engine_, store->events(), request, [] { return true; }, response)
                .code(),
            absl::StatusCode::kCancelled);
}

TEST_F(TriggerRequestsTest, ABackTestsBoundsAreChecked) {
  const auto store =
      storage::SqliteStore::Open({.path = testing::TempDir() + "/bounds.db"}).value();
  const auto error = [&](const std::function<void(v1::BackTestTriggerRequest&)>& change) {
    v1::BackTestTriggerRequest request;
    *request.mutable_trigger() = SqlTrigger("t", "pid = 1");
    change(request);
    v1::BackTestTriggerResponse response;
    return std::string(
        BackTest(engine_, store->events(), request, [] { return false; }, response).message());
  };
  EXPECT_EQ(error([](auto&) {}), "");
  EXPECT_THAT(error([](auto& r) { r.set_max_matches(1001); }), HasSubstr("max_matches"));
  EXPECT_THAT(error([](auto& r) { r.mutable_timeout()->set_seconds(601); }), HasSubstr("timeout"));
  EXPECT_THAT(error([](auto& r) { r.mutable_timeout()->set_seconds(-1); }), HasSubstr("timeout"));
  EXPECT_THAT(error([](auto& r) { r.mutable_since()->set_nanos(-1); }), HasSubstr("since"));
  EXPECT_THAT(error([](auto& r) {
                r.mutable_since()->set_seconds(9);
                r.mutable_until()->set_seconds(8);
              }),
              HasSubstr("since: is after until"));
}

}  // namespace
}  // namespace daemoneye::gateway
