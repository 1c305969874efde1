// A monitor without its server: sources run by a Collector, published on a LocalEventBus, read by a
// subscriber.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/clock.h"
#include "libs/collector/collector.h"
#include "libs/collector/fake_event_source.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye {
namespace {

using base::Clock;
using base::operator+;
using collector::Collector;
using collector::CollectorStatistics;
using collector::EventSink;
using collector::FakeCall;
using collector::FakeProcessEvent;
using collector::FakeProcessEvents;
using collector::FakeSourceScript;
using collector::MakeFakeEventSource;

constexpr size_t kProcesses = 5000;

class CollectorBusTest : public testing::Test {
 protected:
  CollectorBusTest() {
    auto subscription = bus_.Subscribe({.client_id = "test"});
    EXPECT_TRUE(subscription.ok()) << subscription.status();
    reader_ = *std::move(subscription);
    auto created = Collector::Create({.component_name = "procmond"}, bus_, Clock::Real());
    EXPECT_TRUE(created.ok()) << created.status();
    collector_ = *std::move(created);
  }
  void Register(const FakeSourceScript& script) {
    ASSERT_TRUE(collector_->Register(MakeFakeEventSource(script)).ok());
  }
  // Reads until `count` events came; checks that their sequences have no hole.
  event::EventList Read(size_t count) {
    event::EventList events;
    while (events.size() < count) {
      auto delivery = reader_->Next({}, Clock::Real().MonotonicNow() + absl::Seconds(20));
      EXPECT_TRUE(delivery.ok()) << delivery.status();
      if (!delivery.ok() || delivery->event_count == 0) break;
      EXPECT_FALSE(delivery->missed.has_value());
      for (const event_bus::BatchSpan& span : delivery->spans) {
        const auto parsed = span.batch->parsed();
        for (uint32_t i = span.first; i < span.first + span.count; ++i) {
          EXPECT_EQ((*parsed)[i].sequence(), ++last_sequence_);
          events.push_back((*parsed)[i]);
        }
      }
    }
    return events;
  }
  // Stops first: an account is exact when nobody is publishing.
  void StopAndExpectAccountsAgree() {
    EXPECT_TRUE(collector_->Stop().ok());
    const CollectorStatistics s = collector_->statistics();
    EXPECT_EQ(s.pending, 0u);
    EXPECT_EQ(s.observed, s.published + s.filtered + s.dropped_total());
    EXPECT_EQ(s.published + s.notices, bus_.statistics().published);
    const event_bus::SubscriberStatistics r = reader_->statistics();
    EXPECT_EQ(bus_.statistics().published, r.delivered + r.filtered + r.dropped + r.queued);
  }

  event_bus::LocalEventBus bus_{{.monitor = "procmond", .host = "host"}, Clock::Real()};
  std::unique_ptr<event_bus::Subscription> reader_;
  std::unique_ptr<Collector> collector_;
  uint64_t last_sequence_ = 0;
};

TEST_F(CollectorBusTest, TheFirstScanOfALargeMachineBecomesStateWhole) {
  FakeSourceScript scan("process-scan");
  scan.OnStart([](EventSink& sink) {
    event::EventList all;
    for (uint32_t pid = 1; pid <= kProcesses; ++pid) {
      all.push_back(FakeProcessEvent(v1::PROCESS_ACTION_SNAPSHOT, pid));
    }
    EXPECT_TRUE(sink.Emit(std::move(all)).ok());
  });
  scan.OnRefresh([](EventSink& sink, base::Monotonic) {
    return sink.Emit({FakeProcessEvent(v1::PROCESS_ACTION_START, kProcesses + 1),
                      FakeProcessEvent(v1::PROCESS_ACTION_STOP, 1)});
  });
  Register(scan);
  ASSERT_TRUE(collector_->Start().ok());
  ASSERT_TRUE(collector_->AwaitStarted());
  ASSERT_TRUE(collector_->Refresh(Clock::Real().MonotonicNow() + absl::Seconds(20)).ok());

  // What Refresh made the source see is in the snapshot taken right after it.
  const auto snapshot = bus_.Snapshot(v1::EventFilter());
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->events.size(), kProcesses);
  EXPECT_EQ(snapshot->as_of_sequence, 2u);
  EXPECT_EQ(collector_->statistics().snapshots, kProcesses);
  EXPECT_EQ(collector_->statistics().observed, 2u);
  ASSERT_EQ(Read(2).size(), 2u);
  StopAndExpectAccountsAgree();
}

TEST_F(CollectorBusTest, ALossIsReadBeforeTheNextEvent) {
  FakeSourceScript exec("process-exec");
  Register(exec);
  ASSERT_TRUE(collector_->Start().ok());
  ASSERT_TRUE(collector_->AwaitStarted());
  exec.sink()->ReportLoss("kernel", "ring_full", 7);
  ASSERT_TRUE(exec.sink()->Emit(FakeProcessEvents(1, 1)).ok());
  const event::EventList events = Read(2);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].loss().monitor(), "procmond");
  EXPECT_EQ(events[0].loss().stage(), "kernel");
  EXPECT_EQ(events[0].loss().count(), 7u);
  EXPECT_EQ(events[0].source(), "process-exec");
  EXPECT_EQ(events[1].process().pid(), 1u);
  StopAndExpectAccountsAgree();
}

TEST_F(CollectorBusTest, ManySourcesOneHangingOneFailingAndNothingIsLost) {
  constexpr uint32_t kEach = 2000;
  FakeSourceScript hangs("hangs"), fails("fails"), first("first"), second("second");
  hangs.Hang(FakeCall::kStart);
  fails.FailStarts({absl::PermissionDeniedError("needs CAP_BPF")});
  for (FakeSourceScript* script : {&first, &second}) {
    script->OnRun([](EventSink& sink, std::stop_token) {
      for (uint32_t i = 0; i < kEach; i += 20) {
        ASSERT_TRUE(sink.Emit(FakeProcessEvents(i, 20)).ok());
      }
    });
  }
  for (const FakeSourceScript* script : {&hangs, &fails, &first, &second}) Register(*script);
  ASSERT_TRUE(collector_->Start().ok());
  std::map<std::string, uint32_t> next;
  for (const event::Event& event : Read(2 * kEach)) {
    EXPECT_EQ(event.process().pid(), next[event.source()]++);
  }
  EXPECT_EQ(next["first"], kEach);
  EXPECT_EQ(next["second"], kEach);
  hangs.Release(FakeCall::kStart);
  StopAndExpectAccountsAgree();
  EXPECT_EQ(collector_->statistics().dropped_total(), 0u);
}

}  // namespace
}  // namespace daemoneye
