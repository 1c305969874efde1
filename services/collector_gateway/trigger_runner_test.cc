#include "services/collector_gateway/trigger_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"
#include "libs/base/mutex.h"
#include "libs/event_bus/local_event_bus.h"
#include "services/collector_gateway/known_processes.h"
#include "services/collector_gateway/match_dispatch.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using base::operator+;
using ::testing::ElementsAre;

constexpr absl::Duration kPatience = absl::Seconds(30);

v1::CollectionEvent Process(v1::ProcessAction action, const std::string& name, uint32_t pid) {
  v1::CollectionEvent event;
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(action);
  process.set_name(name);
  process.set_pid(pid);
  process.set_process_key("key-" + std::to_string(pid));
  process.set_first_image(true);
  event.mutable_event_time()->set_seconds(1'700'000'000);
  return event;
}

// A bus, an engine and a runner, and the alerts that come out.
class TriggerRunnerTest : public testing::Test {
 protected:
  void Apply(const std::string& sql) {
    trigger::Definitions definitions;
    v1::Trigger& trigger = definitions.triggers.emplace_back();
    trigger.set_id("t");
    trigger.mutable_condition()->set_sql(sql);
    trigger.set_description("found");
    const auto refusals = engine_.Apply(std::move(definitions));
    ASSERT_TRUE(refusals.empty()) << refusals[0].problems[0].message();
  }
  void Publish(v1::CollectionEvent event) {
    event::EventList events;
    events.push_back(std::move(event));
    bus_.Publish(std::move(events));
  }
  void Raise(alerting::AlertDraft draft) {
    MutexLock lock(mu_);
    alerts_.push_back(std::move(draft.alert));
    changed_.NotifyAll();
  }
  // The first `count` alerts.
  std::vector<v1::Alert> Await(size_t count) {
    const base::Monotonic deadline = base::Clock::Real().MonotonicNow() + kPatience;
    MutexLock lock(mu_);
    while (alerts_.size() < count && base::Clock::Real().MonotonicNow() < deadline) {
      base::Clock::Real().WaitUntil(changed_, mu_, deadline);
    }
    EXPECT_GE(alerts_.size(), count);
    return alerts_;
  }

  event_bus::LocalEventBus bus_{{.monitor = "m", .host = "h", .ended_bytes = 1 << 20},
                                base::Clock::Real()};
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<v1::Alert> alerts_ GUARDED_BY(mu_);
  MatchDispatch dispatch_{{.bus = bus_,
                           .clock = base::Clock::Real(),
                           .raise = [this](alerting::AlertDraft draft) { Raise(std::move(draft)); },
                           .completeness =
                               [] {
                                 v1::Completeness completeness;
                                 completeness.set_complete(true);
                                 return completeness;
                               },
                           .on_problem = [] {}}};
  trigger::TriggerEngine engine_{{}, dispatch_, base::Clock::Real()};
  // Whatever is published is evaluated, however slow the machine.
  TriggerRunner runner_{bus_, engine_, base::Clock::Real(), {.drain_time = absl::Seconds(60)}};
};

TEST_F(TriggerRunnerTest, AMatchBecomesARequestOnTheBusAndAnAlert) {
  Apply("name = 'nc'");
  ASSERT_TRUE(runner_.Start().ok());
  Publish(Process(v1::PROCESS_ACTION_START, "cat", 6));
  Publish(Process(v1::PROCESS_ACTION_START, "nc", 7));
  const v1::Alert alert = Await(1).at(0);
  EXPECT_EQ(alert.trigger_id(), "t");
  EXPECT_EQ(alert.title(), "found");
  EXPECT_EQ(alert.severity(), v1::SEVERITY_MEDIUM);
  EXPECT_EQ(alert.process_name(), "nc");
  EXPECT_EQ(alert.pid(), 7u);
  EXPECT_EQ(alert.host(), "h");
  ASSERT_EQ(alert.evidence_size(), 1);
  EXPECT_EQ(alert.evidence(0).sequence(), 2u);
  EXPECT_TRUE(alert.completeness().complete());
  runner_.Stop();
  event_bus::SubscribeOptions options;
  options.from_sequence = 1;
  const auto log = bus_.Subscribe(std::move(options)).value()->Poll({}).value();
  const auto events = log.spans.back().batch->parsed();
  const v1::CollectionEvent& request = events->back();
  EXPECT_EQ(request.trigger_request().trigger_id(), "t");
  EXPECT_EQ(request.trigger_request().target_pid(), 7u);
  EXPECT_EQ(request.trigger_request().depth(), 0u);
  EXPECT_EQ(request.correlation().parent_id(), alert.correlation_id());
}

TEST_F(TriggerRunnerTest, SeesSamples) {
  Apply("action = 'SAMPLE' AND cpu_usage_percent > 90.5");
  ASSERT_TRUE(runner_.Start().ok());
  v1::CollectionEvent sample = Process(v1::PROCESS_ACTION_SAMPLE, "busy", 8);
  sample.mutable_process()->set_cpu_usage_percent(99);
  Publish(sample);
  EXPECT_EQ(Await(1).at(0).process_name(), "busy");
}

TEST_F(TriggerRunnerTest, WhatRanBeforeIsShownOnceAPublisher) {
  Apply("name = 'old'");
  Publish(Process(v1::PROCESS_ACTION_SNAPSHOT, "old", 9));
  ASSERT_TRUE(runner_.Start().ok());
  EXPECT_EQ(Await(1).at(0).pid(), 9u);
  runner_.ShowState();
  runner_.ShowState();
  Publish(Process(v1::PROCESS_ACTION_START, "old", 10));
  EXPECT_EQ(Await(2).at(1).pid(), 10u);
}

TEST_F(TriggerRunnerTest, WhatCameWhileThereWasNoTriggerIsKnownAndNoMatch) {
  trigger::EngineOptions options;
  options.state = [this] { return KnownProcesses(bus_); };
  trigger::TriggerEngine engine(options, dispatch_, base::Clock::Real());
  TriggerRunner runner(bus_, engine, base::Clock::Real(), {.drain_time = absl::Seconds(60)});
  ASSERT_TRUE(runner.Start().ok());
  Publish(Process(v1::PROCESS_ACTION_SNAPSHOT, "nginx", 1));
  Publish(Process(v1::PROCESS_ACTION_START, "sh", 2));
  Publish(Process(v1::PROCESS_ACTION_START, "cron", 3));
  Publish(Process(v1::PROCESS_ACTION_STOP, "", 3));
  trigger::Definitions definitions;
  for (const char* parent : {"nginx", "cron"}) {
    v1::Trigger& trigger = definitions.triggers.emplace_back();
    trigger.set_id(parent);
    trigger.mutable_condition()->set_sql(
        std::string("SELECT p.* FROM process_events p JOIN processes q ON q.process_key = "
                    "p.parent_key WHERE p.name = 'sh' AND q.name = '") +
        parent + "'");
  }
  ASSERT_TRUE(engine.Apply(std::move(definitions)).empty());
  // Its parent ran before there was a trigger; that one's has ended, too.
  for (const uint32_t parent : {1, 3}) {
    v1::CollectionEvent child = Process(v1::PROCESS_ACTION_START, "sh", 100 + parent);
    child.mutable_process()->set_parent_key("key-" + std::to_string(parent));
    Publish(child);
  }
  EXPECT_EQ(Await(2).at(0).pid(), 101u);
  EXPECT_EQ(Await(2).at(1).pid(), 103u);
  runner.Stop();
  EXPECT_EQ(Await(2).size(), 2u);
  EXPECT_EQ(engine.missed_events(), 0u);
}

TEST_F(TriggerRunnerTest, AMonitorThatBeginsAgainTellsWhichProcessesEndedMeanwhile) {
  Apply("name = 'shown'");
  const auto of = [](const std::string& stream, uint32_t pid, const std::string& name) {
    v1::CollectionEvent event = Process(v1::PROCESS_ACTION_SNAPSHOT, name, pid);
    event.mutable_origin()->set_host("h");
    event.mutable_origin()->set_monitor("procmond");
    event.mutable_origin()->set_stream_id(stream);
    return event;
  };
  Publish(of("first", 1, "stays"));
  Publish(of("first", 2, "ends"));
  Publish(of("beside", 3, "of another procmond"));
  Publish(of("beside", 4, "shown"));
  ASSERT_TRUE(runner_.Start().ok());
  Await(1);
  bus_.DropState("first");
  Publish(of("second", 1, "stays"));
  Publish(of("second", 5, "shown"));
  runner_.ShowState();
  Await(2);
  runner_.Stop();
  std::vector<uint32_t> living;
  engine_.ReadLive([&](const trigger::LiveTables& live) {
    for (size_t slot = 0; slot < live.process_table().slots(); ++slot) {
      if (!live.process_table().HasRow(slot)) continue;
      living.push_back(live.process_table().event(slot).process().pid());
    }
  });
  EXPECT_THAT(living, testing::UnorderedElementsAre(1, 3, 4, 5));
}

TEST_F(TriggerRunnerTest, ATriggerOverRequestsDoesNotFeedItself) {
  trigger::Definitions definitions;
  v1::Trigger& first = definitions.triggers.emplace_back();
  first.set_id("first");
  first.mutable_condition()->set_sql("name = 'nc'");
  v1::Trigger& second = definitions.triggers.emplace_back();
  second.set_id("second");
  second.mutable_condition()->set_sql("SELECT * FROM trigger_events");
  second.mutable_dedup_window();  // none
  ASSERT_TRUE(engine_.Apply(std::move(definitions)).empty());
  ASSERT_TRUE(runner_.Start().ok());
  Publish(Process(v1::PROCESS_ACTION_START, "nc", 7));
  Await(2);
  Publish(Process(v1::PROCESS_ACTION_START, "nc", 8));
  std::vector<std::string> ids;
  for (const v1::Alert& alert : Await(4)) ids.push_back(alert.trigger_id());
  EXPECT_THAT(ids, ElementsAre("first", "second", "first", "second"));
}

TEST_F(TriggerRunnerTest, TenThousandMatchesInASecondAreLimitedCountedAndTold) {
  Apply("name = 'nc'");
  ASSERT_TRUE(runner_.Start().ok());
  constexpr uint32_t kMatches = 10'000;
  for (uint32_t first = 0; first < kMatches; first += 500) {
    event::EventList events;
    for (uint32_t i = 0; i < 500; ++i) {
      events.push_back(Process(v1::PROCESS_ACTION_START, "nc", 1 + first + i));
    }
    bus_.Publish(std::move(events));
  }
  Await(81);  // what is not kept back for CRITICAL, and that there was more
  runner_.Stop();
  const v1::TriggerStatistics statistics = engine_.Statistics({"t"}).at(0);
  EXPECT_EQ(statistics.matched() + engine_.missed_events(), kMatches);
  uint64_t suppressed = 0;
  for (const auto& [reason, count] : statistics.suppressed()) suppressed += count;
  EXPECT_EQ(statistics.accepted() + suppressed, statistics.matched());
  EXPECT_LE(statistics.accepted(), 100u);
  size_t notices = 0;
  for (const v1::Alert& alert : Await(81)) {
    notices += alert.title().find("a minute") != std::string::npos;
  }
  EXPECT_EQ(notices, 1u);
}

TEST_F(TriggerRunnerTest, StopsAtOnceWhileNothingHappens) {
  ASSERT_TRUE(runner_.Start().ok());
  const base::Monotonic begin = base::Clock::Real().MonotonicNow();
  runner_.Stop();
  EXPECT_LT(base::Elapsed(begin, base::Clock::Real().MonotonicNow()), absl::Milliseconds(900));
  runner_.Stop();
}

}  // namespace
}  // namespace daemoneye::gateway
