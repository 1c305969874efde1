#include "libs/trigger/trigger_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "libs/base/fake_clock.h"

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
  EXPECT_THAT(sink_.matches, SizeIs(2));
}

}  // namespace
}  // namespace daemoneye::trigger
