#include "libs/collector/collector.h"

#include <algorithm>
#include <functional>
#include <future>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/call_thread.h"
#include "libs/collector/fake_event_source.h"
#include "libs/collector/recording_bus.h"

namespace daemoneye::collector {
namespace {

using base::operator+;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Everything the collector told its owner; lets a test wait for what it wants to hear.
class Told {
 public:
  CollectorCallbacks callbacks() {
    return {.on_source_changed = [this](const SourceStatus& s) { Add(&Told::sources_, s); },
            .on_running_changed = [this](const RunningSources& r) { Add(&Told::running_, r); },
            .on_telemetry = [this](const CollectorStatistics& s) { Add(&Told::telemetry_, s); },
            .on_debug = [this](std::string_view s) { Add(&Told::debug_, std::string(s)); }};
  }
  // Blocks until `source` was told to be in `state` with `detail` in its detail; returns that.
  SourceStatus Await(std::string_view source, SourceState state, std::string_view detail = "") {
    base::MutexLock lock(mu_);
    while (true) {
      for (; next_ < sources_.size(); ++next_) {
        const SourceStatus& s = sources_[next_];
        if (s.name == source && s.state == state && s.detail.find(detail) != s.detail.npos) {
          return sources_[next_++];
        }
      }
      changed_.Wait(mu_);
    }
  }
  void AwaitTelemetry(size_t count) {
    base::MutexLock lock(mu_);
    while (telemetry_.size() < count) changed_.Wait(mu_);
  }
  std::vector<RunningSources> running() const { return Get(&Told::running_); }
  std::vector<std::string> debug() const { return Get(&Told::debug_); }

 private:
  template <typename T>
  void Add(std::vector<T> Told::* list, const T& item) {
    base::MutexLock lock(mu_);
    (this->*list).push_back(item);
    changed_.NotifyAll();
  }
  template <typename T>
  T Get(T Told::* list) const {
    base::MutexLock lock(mu_);
    return this->*list;
  }

  mutable base::Mutex mu_;
  base::CondVar changed_;
  size_t next_ GUARDED_BY(mu_) = 0;
  std::vector<SourceStatus> sources_ GUARDED_BY(mu_);
  std::vector<RunningSources> running_ GUARDED_BY(mu_);
  std::vector<CollectorStatistics> telemetry_ GUARDED_BY(mu_);
  std::vector<std::string> debug_ GUARDED_BY(mu_);
};

class CollectorTest : public testing::Test {
 public:  // for the tables of cases
  void TearDown() override {
    collector_.reset();
    for (FakeSourceScript* script : {&one_, &two_, &three_}) {
      for (FakeCall call : {FakeCall::kStart, FakeCall::kStop, FakeCall::kHealthCheck}) {
        script->Release(call);
      }
    }
    CallThread::JoinLeftBehind();
  }
  // `clock_` stands still unless the test moves it.
  void Make(CollectorConfig config = {}) { Make(std::move(config), clock_); }
  void Make(CollectorConfig config, base::Clock& clock) {
    auto collector = Collector::Create(std::move(config), bus_, clock, told_.callbacks());
    ASSERT_TRUE(collector.ok()) << collector.status();
    collector_ = *std::move(collector);
  }
  void Register(const FakeSourceScript& script) {
    const absl::Status status = collector_->Register(MakeFakeEventSource(script));
    ASSERT_TRUE(status.ok()) << status;
  }
  void Start() { ASSERT_TRUE(collector_->Start().ok()); }
  // Moves the clock once somebody waits on it, again and again until `done` is ready.
  template <typename T>
  T AdvanceUntil(std::future<T> done) {
    while (done.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
      clock_.Advance(absl::Seconds(1));
    }
    return done.get();
  }
  SourceStatus StatusOf(std::string_view name) {
    for (const SourceStatus& status : collector_->sources()) {
      if (status.name == name) return status;
    }
    return {};
  }
  void ExpectQuietAccount() {
    const CollectorStatistics s = collector_->statistics();
    EXPECT_EQ(s.observed, s.published + s.filtered + s.dropped_total());
    EXPECT_EQ(s.pending, 0u);
  }

  base::FakeClock clock_;
  RecordingBus bus_;
  Told told_;
  FakeSourceScript one_{"one", SourceCaps::kProcess};
  FakeSourceScript two_{"two", SourceCaps::kNetwork};
  FakeSourceScript three_{"three", SourceCaps::kPerformance};
  std::unique_ptr<Collector> collector_;
};

TEST_F(CollectorTest, RefusesABadConfigDuplicatesBadNamesAndTooManySources) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(Collector::Create({.event_buffer_size = 0}, bus_, clock_).status()));
  Make({.max_event_sources = 2});
  Register(one_);
  EXPECT_TRUE(absl::IsAlreadyExists(collector_->Register(MakeFakeEventSource(one_))));
  for (const char* name : {"", "Upper", "under_score", "a b"}) {
    FakeSourceScript bad(name);
    EXPECT_TRUE(absl::IsInvalidArgument(collector_->Register(MakeFakeEventSource(bad)))) << name;
  }
  Register(two_);
  const absl::Status full = collector_->Register(MakeFakeEventSource(three_));
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(std::string(full.message()), HasSubstr("max_event_sources=2"));
}

TEST_F(CollectorTest, CapabilitiesAreTheUnionAndRunningTellsWhatRuns) {
  Make();
  Register(one_);
  Register(two_);
  EXPECT_EQ(collector_->capabilities(), SourceCaps::kProcess | SourceCaps::kNetwork);
  EXPECT_EQ(collector_->running().caps, SourceCaps::kNone);
  Start();
  EXPECT_TRUE(collector_->AwaitStarted());
  EXPECT_EQ(collector_->running().caps, SourceCaps::kProcess | SourceCaps::kNetwork);
  EXPECT_THAT(told_.running(), SizeIs(2));
  EXPECT_TRUE(collector_->Stop().ok());
  EXPECT_EQ(collector_->running().caps, SourceCaps::kNone);
  EXPECT_THAT(told_.running(), SizeIs(2)) << "Stop does not tell of capabilities";
  EXPECT_FALSE(collector_->Start().ok());
}

TEST_F(CollectorTest, StartNeedsASource) {
  Make();
  EXPECT_TRUE(absl::IsFailedPrecondition(collector_->Start()));
  EXPECT_TRUE(collector_->Stop().ok());
}

TEST_F(CollectorTest, GoesOnWithOneSourceThatFailsAndOneThatHangs) {
  Make();
  one_.FailStarts({absl::PermissionDeniedError("needs CAP_BPF")});
  two_.Hang(FakeCall::kStart);
  Register(one_);
  Register(two_);
  Register(three_);
  Start();
  told_.Await("three", SourceState::kRunning);
  ASSERT_TRUE(three_.sink()->Emit(FakeProcessEvents(0, 3)).ok());
  bus_.AwaitEvents(3);
  EXPECT_EQ(bus_.events()[0].source(), "three");

  EXPECT_FALSE(AdvanceUntil(std::async([&] { return collector_->AwaitStarted(); })));
  EXPECT_EQ(StatusOf("one").state, SourceState::kFailed);
  EXPECT_EQ(StatusOf("one").detail, "needs CAP_BPF");
  EXPECT_EQ(StatusOf("two").state, SourceState::kDegraded);
  EXPECT_THAT(StatusOf("two").detail, HasSubstr("Start has not returned for 10s"));
  EXPECT_THAT(collector_->running().names, ElementsAre("three"));
  ASSERT_TRUE(three_.sink()->Emit(FakeProcessEvents(3, 3)).ok());
  bus_.AwaitEvents(6);
  EXPECT_EQ(one_.calls(FakeCall::kStart), 1) << "PermissionDenied is not tried again";

  const absl::Status stopped = collector_->Stop();
  EXPECT_TRUE(absl::IsDeadlineExceeded(stopped));
  EXPECT_THAT(std::string(stopped.message()), HasSubstr("two: Start"));
  EXPECT_EQ(StatusOf("three").state, SourceState::kStopped);
  ExpectQuietAccount();
}

TEST_F(CollectorTest, ASourceWhoseStartReturnsLateRuns) {
  Make();
  one_.Hang(FakeCall::kStart);
  Register(one_);
  Start();
  EXPECT_FALSE(AdvanceUntil(std::async([&] { return collector_->AwaitStarted(); })));
  one_.Release(FakeCall::kStart);
  told_.Await("one", SourceState::kRunning);
  EXPECT_TRUE(one_.sink()->Emit(FakeProcessEvents(0, 1)).ok());
  EXPECT_TRUE(collector_->Stop().ok());
}

TEST_F(CollectorTest, RestartsWithGrowingPausesAndIsDegradedFromTheFifthFailure) {
  Make();
  one_.FailStarts(std::vector<absl::Status>(6, absl::UnavailableError("no ring")));
  Register(one_);
  Start();
  for (int failures = 1; failures <= 6; ++failures) {
    const SourceStatus status = told_.Await(
        "one", failures < 5 ? SourceState::kStarting : SourceState::kDegraded, "in a row");
    EXPECT_EQ(status.failures, static_cast<uint32_t>(failures));
    EXPECT_THAT(status.detail, HasSubstr("no ring"));
    EXPECT_EQ(one_.calls(FakeCall::kStart), failures);
    clock_.Advance(absl::Seconds(failures) - absl::Milliseconds(1));
    EXPECT_EQ(one_.calls(FakeCall::kStart), failures);
    clock_.Advance(absl::Milliseconds(1));
    one_.AwaitCalls(FakeCall::kStart, failures + 1);
  }
  EXPECT_EQ(told_.Await("one", SourceState::kRunning).restarts, 6u);
  EXPECT_TRUE(collector_->Stop().ok());
}

TEST_F(CollectorTest, HealthChecksAreMadeAndAFailedOneRestartsTheSource) {
  Make();
  one_.SetHealth({.limits = "sees no threads"});
  Register(one_);
  Start();
  told_.Await("one", SourceState::kRunning);
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(told_.Await("one", SourceState::kRunning, "sees").detail, "sees no threads");
  one_.SetHealth({.status = absl::InternalError("blind")});
  clock_.Advance(absl::Seconds(60));
  told_.Await("one", SourceState::kStopping, "blind");
  told_.Await("one", SourceState::kStarting, "blind");
  EXPECT_EQ(one_.calls(FakeCall::kStop), 1);
  one_.SetHealth({.limits = "sees all again"});
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(told_.Await("one", SourceState::kRunning).failures, 1u);
  clock_.Advance(absl::Seconds(60));
  const SourceStatus healthy = told_.Await("one", SourceState::kRunning, "sees all again");
  EXPECT_EQ(healthy.failures, 0u) << "a good health check ends the row";
  EXPECT_TRUE(collector_->Stop().ok());
}

TEST_F(CollectorTest, AHealthCheckThatHangsDegradesTheSourceUntilItReturns) {
  Make();
  Register(one_);
  Start();
  told_.Await("one", SourceState::kRunning);
  one_.Hang(FakeCall::kHealthCheck);
  clock_.Advance(absl::Seconds(60));
  one_.AwaitCalls(FakeCall::kHealthCheck, 1);
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(told_.Await("one", SourceState::kDegraded, "HealthCheck").is_running);
  EXPECT_TRUE(one_.sink()->Emit(FakeProcessEvents(0, 1)).ok()) << "it still runs";
  one_.Release(FakeCall::kHealthCheck);
  told_.Await("one", SourceState::kRunning);
  EXPECT_TRUE(collector_->Stop().ok());
}

TEST_F(CollectorTest, ASourceThatReportsAFailureIsRestartedAtOnceOrGivenUp) {
  Make();
  Register(one_);
  Start();
  told_.Await("one", SourceState::kRunning);
  one_.sink()->ReportFailure(absl::UnavailableError("socket closed"));
  told_.Await("one", SourceState::kStarting, "socket closed");
  clock_.Advance(absl::Seconds(1));
  told_.Await("one", SourceState::kRunning);
  one_.sink()->ReportFailure(absl::UnimplementedError("kernel lacks it"));
  told_.Await("one", SourceState::kFailed, "kernel lacks it");
  EXPECT_EQ(one_.calls(FakeCall::kStop), 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(one_.sink()->Emit(FakeProcessEvents(0, 1))));
  EXPECT_TRUE(collector_->Stop().ok());
}

TEST_F(CollectorTest, StopDrainsWhatSourcesEmitUntilTheyReturn) {
  Make({.max_batch_size = 7});
  one_.OnRun([](EventSink& sink, std::stop_token stop) {
    for (uint32_t i = 0; !stop.stop_requested(); ++i) {
      if (!sink.Emit(FakeProcessEvents(i, 1)).ok()) return;
    }
  });
  two_.OnStop([](EventSink& sink) { ASSERT_TRUE(sink.Emit(FakeProcessEvents(0, 500)).ok()); });
  Register(one_);
  Register(two_);
  Start();
  bus_.AwaitEvents(100);
  ASSERT_TRUE(collector_->Stop().ok());
  ExpectQuietAccount();
  const CollectorStatistics s = collector_->statistics();
  EXPECT_EQ(s.dropped_total(), 0u);
  EXPECT_EQ(s.published, s.observed);
  EXPECT_EQ(bus_.events().size(), s.observed);
  EXPECT_LE(std::ranges::max(bus_.batch_sizes()), 7u);
}

TEST_F(CollectorTest, ASourceThatEmitsAfterStopIsRefusedAlsoOnceTheCollectorIsGone) {
  std::promise<void> gate;
  std::promise<std::pair<absl::Status, bool>> answer;
  base::FakeClock clock;
  auto hanging = std::make_unique<FakeSourceScript>("hanging");
  hanging->OnStop([&, opened = gate.get_future().share()](EventSink& sink) {
    opened.wait();
    absl::Status emitted = sink.Emit(FakeProcessEvents(0, 1));
    const bool has_room = sink.AwaitRoom(base::Monotonic::max());
    sink.ReportLoss("kernel", "late", 1);
    sink.ReportFailure(absl::InternalError("late"));
    answer.set_value({std::move(emitted), has_room});
  });
  Make();
  Register(*hanging);
  Start();
  EXPECT_TRUE(collector_->AwaitStarted());
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(AdvanceUntil(std::async([&] { return collector_->Stop(); }))));
  collector_.reset();
  gate.set_value();
  const auto [emitted, has_room] = answer.get_future().get();
  EXPECT_TRUE(absl::IsFailedPrecondition(emitted));
  EXPECT_FALSE(has_room);
}

TEST_F(CollectorTest, StopInEveryPhaseReturns) {
  struct Case {
    std::string name;
    std::function<void(CollectorTest&)> until;
  };
  const Case cases[] = {
      {"created", [](CollectorTest&) {}},
      {"starting",
       [](CollectorTest& t) {
         t.one_.Hang(FakeCall::kStart);
         t.Start();
         t.one_.AwaitCalls(FakeCall::kStart, 1);
       }},
      {"running",
       [](CollectorTest& t) {
         t.Start();
         t.collector_->AwaitStarted();
       }},
      {"backoff",
       [](CollectorTest& t) {
         t.one_.FailStarts({absl::UnavailableError("not yet")});
         t.Start();
         t.told_.Await("one", SourceState::kStarting, "not yet");
       }},
      {"restarting",
       [](CollectorTest& t) {
         t.Start();
         t.told_.Await("one", SourceState::kRunning);
         t.one_.Hang(FakeCall::kStop);
         t.one_.sink()->ReportFailure(absl::InternalError("broken"));
         t.told_.Await("one", SourceState::kStopping, "broken");
       }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Make();
    Register(one_);
    c.until(*this);
    auto stopped = std::async([&] { return collector_->Stop(); });
    one_.Release(FakeCall::kStart);
    one_.Release(FakeCall::kStop);
    EXPECT_TRUE(stopped.get().ok());
    EXPECT_FALSE(StatusOf("one").is_running);
    collector_.reset();
  }
}

TEST_F(CollectorTest, RefreshAsksEveryRunningSourceAndWaitsUntilItIsPublished) {
  Make();
  const auto emit = [](EventSink& sink, base::Monotonic) {
    return sink.Emit(FakeProcessEvents(0, 10));
  };
  one_.OnRefresh(emit);
  two_.OnRefresh(emit);
  three_.FailStarts({absl::UnimplementedError("not here")});
  for (const FakeSourceScript* script : {&one_, &two_, &three_}) Register(*script);
  Start();
  collector_->AwaitStarted();
  EXPECT_TRUE(collector_->Refresh(clock_.MonotonicNow() + absl::Seconds(5)).ok());
  EXPECT_EQ(bus_.events().size(), 20u);
  EXPECT_EQ(three_.calls(FakeCall::kRefresh), 0);
}

TEST_F(CollectorTest, RefreshEndsAtItsDeadlineAndNamesWhoDidNotAnswer) {
  Make();
  two_.OnRefresh([](EventSink&, base::Monotonic) { return absl::DataLossError("bad stat"); });
  one_.Hang(FakeCall::kRefresh);
  Register(one_);
  Register(three_);
  Start();
  collector_->AwaitStarted();
  auto refresh =
      std::async([&] { return collector_->Refresh(clock_.MonotonicNow() + absl::Seconds(5)); });
  one_.AwaitCalls(FakeCall::kRefresh, 1);
  const absl::Status status = AdvanceUntil(std::move(refresh));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("one"));
  EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("three")));
  one_.Release(FakeCall::kRefresh);
  EXPECT_TRUE(collector_->Stop().ok());
}

TEST_F(CollectorTest, CheckHealthGivesTheHealthOfNow) {
  Make();
  one_.SetHealth({.last_scan_read = 42});
  Register(one_);
  Start();
  collector_->AwaitStarted();
  EXPECT_FALSE(StatusOf("one").health.has_value());
  const auto sources = collector_->CheckHealth(clock_.MonotonicNow() + absl::Seconds(5));
  ASSERT_THAT(sources, SizeIs(1));
  EXPECT_EQ(sources[0].health->last_scan_read, 42u);
  EXPECT_EQ(sources[0].health_time, clock_.Now());
}

TEST_F(CollectorTest, TelemetryComesAtItsIntervalAndOnlyWhenEnabled) {
  Make();
  Register(one_);
  Start();
  told_.Await("one", SourceState::kRunning);
  clock_.Advance(absl::Seconds(30));
  told_.AwaitTelemetry(1);
  clock_.Advance(absl::Seconds(30));
  told_.AwaitTelemetry(2);
  EXPECT_TRUE(collector_->Stop().ok());
  EXPECT_THAT(told_.debug(), IsEmpty());
}

TEST_F(CollectorTest, DebugLoggingTellsOfEveryBatch) {
  Make({.enable_debug_logging = true});
  Register(one_);
  Start();
  told_.Await("one", SourceState::kRunning);
  ASSERT_TRUE(one_.sink()->Emit(FakeProcessEvents(0, 3)).ok());
  EXPECT_TRUE(collector_->Stop().ok());
  EXPECT_THAT(told_.debug(), ElementsAre(HasSubstr("events=3")));
}

TEST_F(CollectorTest, RunStopsWithItsToken) {
  Make();
  Register(one_);
  std::stop_source stop;
  auto run = std::async([&] { return collector_->Run(stop.get_token()); });
  one_.AwaitCalls(FakeCall::kStart, 1);
  stop.request_stop();
  EXPECT_TRUE(run.get().ok());
  EXPECT_EQ(one_.calls(FakeCall::kStop), 1);
}

}  // namespace
}  // namespace daemoneye::collector
