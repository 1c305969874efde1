// MonitorLink against a real gRPC server that lies, vanishes and comes back.

#include "services/collector_gateway/monitor_link.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/event_bus/local_event_bus.h"
#include "services/collector_gateway/fake_monitor.h"

namespace daemoneye::gateway {
namespace {

using base::operator+;
using testing::HasSubstr;

class MonitorLinkTest : public testing::Test {
 protected:
  MonitorLinkTest() : registry_([](const v1::Publisher&) {}), bus_({}, base::Clock::Real()) {
    // Not the test's own directory: a socket's path has at most 107 bytes.
    char pattern[] = "/tmp/link-XXXXXX";
    directory_ = mkdtemp(pattern);
    timing_.heartbeat_interval = absl::Seconds(1);
    timing_.silence_limit = absl::Seconds(10);
    timing_.min_backoff = absl::Milliseconds(10);
    timing_.max_backoff = absl::Milliseconds(50);
  }

  ~MonitorLinkTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  std::unique_ptr<MonitorLink> MakeLink(int id, const std::string& path) {
    LinkDependencies deps{bus_,
                          pool_,
                          registry_,
                          base::Clock::Real(),
                          grpc::InsecureChannelCredentials(),
                          "test",
                          [this](const MonitorLink&) {
                            base::MutexLock lock(mu_);
                            changed_.NotifyAll();
                          },
                          [this](const std::string&) { return stored_position_; }};
    auto link =
        std::make_unique<MonitorLink>(id, "unix://" + path, "unix://" + path, deps, timing_);
    link->Start();
    return link;
  }

  // Waits for a state change that makes `done` true.
  void AwaitStatus(const MonitorLink& link,
                   const std::function<bool(const MonitorLink::Status&)>& done) {
    base::MutexLock lock(mu_);
    while (!done(link.status())) {
      ASSERT_TRUE(
          changed_.WaitUntil(mu_, std::chrono::steady_clock::now() + std::chrono::seconds(20)))
          << link.status().last_error;
    }
  }
  void AwaitState(const MonitorLink& link, v1::MonitorState state) {
    AwaitStatus(link, [state](const MonitorLink::Status& s) { return s.state == state; });
  }

  // The next `count` events of the gateway's log, in order.
  std::vector<v1::CollectionEvent> Read(size_t count) {
    if (subscription_ == nullptr) {
      subscription_ = *bus_.Subscribe({.from_sequence = 1});
    }
    std::vector<v1::CollectionEvent> events;
    const base::Monotonic deadline = base::Clock::Real().MonotonicNow() + absl::Seconds(20);
    while (events.size() < count) {
      const auto delivery = subscription_->Next({.max_events = count - events.size()}, deadline);
      if (!delivery.ok() || delivery->event_count == 0) break;
      for (const event_bus::BatchSpan& span : delivery->spans) {
        for (uint32_t i = 0; i < span.count; ++i) {
          events.emplace_back().ParseFromString(
              std::string(span.batch->event_bytes(span.first + i)));
        }
      }
    }
    EXPECT_EQ(events.size(), count);
    return events;
  }

  base::Mutex mu_;
  base::CondVar changed_;
  std::string directory_;
  LinkTiming timing_;
  std::optional<uint64_t> stored_position_;
  event::EventPool pool_;
  OriginRegistry registry_;
  event_bus::LocalEventBus bus_;
  std::unique_ptr<event_bus::Subscription> subscription_;
};

TEST_F(MonitorLinkTest, StreamsAndGoesOnWhereItLeftOffAfterTheServerCameBack) {
  FakeMonitor monitor;
  monitor.live = [&](const v1::StreamEventsRequest& request) {
    const uint64_t next = request.resume().after_sequence() + 1;
    return FakeMonitor::Script{
        {monitor.Started(true, next), monitor.Start(next, 7), monitor.Start(next + 1, 8)}, false};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  EXPECT_EQ(Read(2)[1].process().pid(), 8u);
  AwaitState(*link, v1::MONITOR_STATE_STREAMING);
  EXPECT_EQ(link->status().name(), "procmond@host-a");

  monitor.Stop();
  AwaitState(*link, v1::MONITOR_STATE_RETRYING);
  EXPECT_FALSE(link->status().last_error.empty());
  monitor.Start(Path("a"));
  const v1::StreamEventsRequest resumed = monitor.AwaitLiveStream(2);
  EXPECT_EQ(resumed.resume().after_sequence(), 2u);
  EXPECT_EQ(resumed.resume().stream_id(), monitor.negotiation.stream_id());
  EXPECT_EQ(Read(2)[0].origin().sequence(), 3u);
  EXPECT_EQ(link->status().counts.gaps, 0u);
}

TEST_F(MonitorLinkTest, BeginsWhereAStoreSaysIfTheMonitorHasBeenThere) {
  const struct {
    std::optional<uint64_t> stored;
    uint64_t resumed_after;
  } cases[] = {{std::nullopt, 4}, {2, 2}, {7, 7}, {9, 9}, {10, 4}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.stored.value_or(0));
    stored_position_ = c.stored;
    FakeMonitor monitor;
    monitor.negotiation.set_oldest_sequence(5);
    monitor.negotiation.set_next_sequence(10);
    monitor.Start(Path("s"));
    const auto link = MakeLink(1, Path("s"));
    EXPECT_EQ(monitor.AwaitLiveStream(1).resume().after_sequence(), c.resumed_after);
  }
}

TEST_F(MonitorLinkTest, IsThereBeforeItsMonitorIs) {
  const auto link = MakeLink(1, Path("late"));
  AwaitState(*link, v1::MONITOR_STATE_RETRYING);
  FakeMonitor monitor;
  monitor.Start(Path("late"));
  AwaitState(*link, v1::MONITOR_STATE_STREAMING);
}

TEST_F(MonitorLinkTest, ARestartedMonitorIsReadFromItsOldestWithItsStateFirst) {
  FakeMonitor monitor;
  monitor.snapshot = [&](const v1::StreamEventsRequest&) {
    v1::CollectionEvent running = monitor.Start(0, 99);
    running.mutable_process()->set_action(v1::PROCESS_ACTION_SNAPSHOT);
    return FakeMonitor::Script{{monitor.Started(false, 1), running, monitor.Complete(1)}, true};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  monitor.AwaitLiveStream(1);
  EXPECT_EQ(bus_.statistics().state_entries, 1u);

  monitor.Stop();
  monitor.negotiation.set_stream_id("22222222-2222-4222-8222-222222222222");
  monitor.negotiation.set_oldest_sequence(5);
  monitor.negotiation.set_next_sequence(9);
  monitor.Start(Path("a"));
  const v1::StreamEventsRequest request = monitor.AwaitLiveStream(2);
  EXPECT_EQ(request.resume().after_sequence(), 4u);
  EXPECT_EQ(request.resume().stream_id(), monitor.negotiation.stream_id());
  AwaitState(*link, v1::MONITOR_STATE_STREAMING);
  EXPECT_EQ(bus_.statistics().state_entries, 1u);
}

TEST_F(MonitorLinkTest, WhatTheMonitorNoLongerHoldsIsAGapWithItsCount) {
  FakeMonitor monitor;
  monitor.live = [&](const v1::StreamEventsRequest&) {
    v1::CollectionEvent missed;
    missed.mutable_control()->mutable_missed()->set_first_sequence(1);
    missed.mutable_control()->mutable_missed()->set_last_sequence(10);
    missed.mutable_control()->mutable_missed()->set_count(10);
    return FakeMonitor::Script{{monitor.Started(true, 1), missed, monitor.Start(11, 7)}, false};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  const auto events = Read(2);
  EXPECT_EQ(events[0].loss().count(), 10u);
  EXPECT_EQ(events[0].loss().last_sequence(), 10u);
  EXPECT_EQ(events[1].origin().sequence(), 11u);
}

TEST_F(MonitorLinkTest, ALyingMonitorIsClosedNamedAndTriedAgain) {
  FakeMonitor monitor;
  monitor.live = [&](const v1::StreamEventsRequest&) {
    return FakeMonitor::Script{{monitor.Started(true, 1), monitor.Start(3, 7), monitor.Start(2, 8)},
                               false};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitStatus(*link, [](const MonitorLink::Status& s) {
    return s.state == v1::MONITOR_STATE_RETRYING &&
           s.last_error.find("went back") != std::string::npos;
  });
  monitor.AwaitLiveStream(2);
}

TEST_F(MonitorLinkTest, AStreamThatBeginsTwiceIsClosedSoThatNothingEntersTwice) {
  FakeMonitor monitor;
  monitor.live = [&](const v1::StreamEventsRequest&) {
    return FakeMonitor::Script{{monitor.Started(false, 1), monitor.Start(1, 7),
                                monitor.Started(false, 1), monitor.Start(1, 7)},
                               false};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitStatus(*link, [](const MonitorLink::Status& s) {
    return s.last_error.find("a second stream_started") != std::string::npos;
  });
  EXPECT_EQ(Read(1)[0].origin().sequence(), 1u);
}

TEST_F(MonitorLinkTest, CapabilitiesThatNeverComeToRestCloseTheLink) {
  timing_.max_capability_changes = 5;
  FakeMonitor monitor;
  monitor.live = [&](const v1::StreamEventsRequest&) {
    FakeMonitor::Script script{{monitor.Started(true, 1)}, false};
    for (int i = 0; i < 6; ++i) {
      v1::CollectionEvent change;
      change.mutable_control()->mutable_capabilities_changed()->add_caps(
          i % 2 == 0 ? v1::SOURCE_CAP_NETWORK : v1::SOURCE_CAP_PROCESS);
      script.events.push_back(change);
    }
    return script;
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitStatus(*link, [](const MonitorLink::Status& s) {
    return s.last_error.find("changed 6 times within a minute") != std::string::npos;
  });
}

TEST_F(MonitorLinkTest, ANegotiationThatWouldFillEverybodysIsRefused) {
  FakeMonitor monitor;
  for (int i = 0; i < 40; ++i) {
    monitor.negotiation.add_sources()->set_name(std::string(32 << 10, 's'));
  }
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitState(*link, v1::MONITOR_STATE_RETRYING);
  EXPECT_THAT(link->status().last_error, HasSubstr("the bound is 1048576"));
  EXPECT_TRUE(registry_.Publishers().empty());
}

TEST_F(MonitorLinkTest, ASnapshotThatNeverCompletesIsAnError) {
  FakeMonitor monitor;
  monitor.snapshot = [&](const v1::StreamEventsRequest&) {
    return FakeMonitor::Script{{monitor.Started(false, 1)}, true};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitStatus(*link, [](const MonitorLink::Status& s) {
    return s.last_error.find("without snapshot_complete") != std::string::npos;
  });
}

TEST_F(MonitorLinkTest, ASnapshotThatGoesOnForEverIsGivenUpHoweverMuchComes) {
  timing_.snapshot_timeout = absl::Milliseconds(200);
  FakeMonitor monitor;
  monitor.snapshot = [&](const v1::StreamEventsRequest&) {
    return FakeMonitor::Script{
        {monitor.Started(false, 1)}, false, [&]() -> std::optional<v1::CollectionEvent> {
          v1::CollectionEvent running = monitor.Start(0, 99);
          running.mutable_process()->set_action(v1::PROCESS_ACTION_SNAPSHOT);
          return running;
        }};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitStatus(*link, [](const MonitorLink::Status& s) {
    return s.last_error.find("had no end within 200ms") != std::string::npos;
  });
}

TEST_F(MonitorLinkTest, SilenceGetsANewChannel) {
  timing_.silence_limit = absl::Milliseconds(100);
  FakeMonitor monitor;  // sends no heartbeats
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  monitor.AwaitLiveStream(2);
  AwaitStatus(*link, [](const MonitorLink::Status& s) {
    return s.last_error.find("taken for dead") != std::string::npos;
  });
}

TEST_F(MonitorLinkTest, TheSecondWayToAMonitorIsADuplicateUntilTheFirstEnds) {
  FakeMonitor monitor;
  monitor.Start(Path("a"));
  auto first = MakeLink(1, Path("a"));
  AwaitState(*first, v1::MONITOR_STATE_STREAMING);
  const auto second = MakeLink(2, Path("a"));
  AwaitState(*second, v1::MONITOR_STATE_DUPLICATE);
  first->Stop();
  AwaitState(*second, v1::MONITOR_STATE_STREAMING);
}

TEST_F(MonitorLinkTest, ALinkThatLeadsBackIsALoop) {
  FakeMonitor monitor;
  monitor.negotiation.add_via(bus_.stream_id());
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitState(*link, v1::MONITOR_STATE_LOOP);
  EXPECT_THAT(link->status().last_error, HasSubstr("leads back"));
}

TEST_F(MonitorLinkTest, AMonitorWithoutBatchesOrResumeIsUsedWithWhatItHas) {
  FakeMonitor monitor;
  monitor.has_batches = false;  // although it says so
  monitor.negotiation.clear_features();
  monitor.negotiation.add_features(v1::FEATURE_BATCHES);
  monitor.live = [&](const v1::StreamEventsRequest&) {
    return FakeMonitor::Script{{monitor.Started(false, 100), monitor.Start(100, 7)}, false};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  EXPECT_EQ(Read(1)[0].origin().sequence(), 100u);
  EXPECT_EQ(link->status().counts.gaps, 0u);
}

TEST_F(MonitorLinkTest, TheStateOfAMonitorWithoutTheBatchesItPromisedIsTakenOneByOne) {
  FakeMonitor monitor;
  monitor.has_batches = false;
  monitor.snapshot = [&](const v1::StreamEventsRequest&) {
    v1::CollectionEvent there_is = monitor.Start(0, 7);
    there_is.clear_sequence();
    there_is.mutable_process()->set_action(v1::PROCESS_ACTION_SNAPSHOT);
    return FakeMonitor::Script{{monitor.Started(false, 1), there_is, monitor.Complete(1)}, true};
  };
  monitor.Start(Path("a"));
  const auto link = MakeLink(1, Path("a"));
  AwaitState(*link, v1::MONITOR_STATE_STREAMING);
  const auto state = bus_.Snapshot({});
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->events.size(), 1u);
}

TEST_F(MonitorLinkTest, StopsAtOnceInEveryPhase) {
  FakeMonitor monitor;
  monitor.Start(Path("a"));
  for (const std::string& path : {Path("a"), Path("nobody")}) {
    const auto link = MakeLink(1, path);
    const base::Monotonic before = base::Clock::Real().MonotonicNow();
    link->Stop();
    EXPECT_LT(base::Elapsed(before, base::Clock::Real().MonotonicNow()), absl::Seconds(2));
  }
}

}  // namespace
}  // namespace daemoneye::gateway
