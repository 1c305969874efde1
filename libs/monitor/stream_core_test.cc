#include "libs/monitor/stream_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "libs/base/fake_clock.h"
#include "libs/monitor/fake_backend.h"
#include "libs/monitor/fake_port.h"

namespace daemoneye::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Events = std::vector<v1::CollectionEvent>;

// What each event is, in a word: "started", "snapshot 7", "complete 3@12", "12", "missed 1-9 (9)".
std::string Name(const v1::CollectionEvent& event) {
  if (!event.has_control()) {
    return event.sequence() == 0 ? "snapshot " + std::to_string(event.process().pid())
                                 : std::to_string(event.sequence());
  }
  const v1::StreamControl& control = event.control();
  if (control.has_stream_started()) return "started";
  if (control.has_publisher()) return "publisher " + control.publisher().stream_id();
  if (control.has_snapshot_complete()) {
    return "complete " + std::to_string(control.snapshot_complete().count()) + "@" +
           std::to_string(control.snapshot_complete().as_of_sequence());
  }
  if (control.has_missed()) {
    return "missed " + std::to_string(control.missed().first_sequence()) + "-" +
           std::to_string(control.missed().last_sequence());
  }
  if (control.has_heartbeat()) {
    return "heartbeat " + std::to_string(control.heartbeat().sequence());
  }
  return "capabilities " + control.capabilities_changed().reason();
}

std::vector<std::string> Names(const Events& events) {
  std::vector<std::string> names;
  for (const auto& event : events) names.push_back(Name(event));
  return names;
}

class StreamCoreTest : public ::testing::Test {
 protected:
  // A stream under test and its port.
  struct Stream {
    explicit Stream(bool is_batched) : port(is_batched) {}
    ~Stream() { EXPECT_THAT(port.violations(), IsEmpty()); }

    // The next message; its write is answered. Empty when the stream ended.
    Events Next() {
      std::optional<Events> events = port.AwaitWrite();
      if (!events.has_value()) return {};
      core->OnWriteDone(true);
      return *std::move(events);
    }
    // Everything until the stream ends.
    Events All() {
      Events all;
      for (Events events = Next(); !events.empty(); events = Next()) {
        all.insert(all.end(), events.begin(), events.end());
      }
      return all;
    }
    // Everything that it has to say now, with no time passing.
    Events Now() {
      Events all;
      core->OnWake();
      for (auto events = port.TakeWrite(); events.has_value(); events = port.TakeWrite()) {
        all.insert(all.end(), events->begin(), events->end());
        core->OnWriteDone(true);
      }
      return all;
    }

    FakePort port;
    std::shared_ptr<StreamCore> core;
  };

  static v1::StreamEventsRequest Live() {
    v1::StreamEventsRequest request;
    request.set_include_snapshot(false);
    return request;
  }
  v1::StreamEventsRequest ResumeAfter(uint64_t sequence) {
    v1::StreamEventsRequest request;
    request.mutable_resume()->set_stream_id(backend_->bus().stream_id());
    request.mutable_resume()->set_after_sequence(sequence);
    return request;
  }

  StreamCoreOptions Options(const v1::StreamEventsRequest& request, bool is_batched) {
    return {.limits = {.is_batched = is_batched, .max_events = 256, .max_bytes = 1 << 20},
            .stream_id = backend_->bus().stream_id(),
            .max_events = request.max_events(),
            .open = [this, request](auto on_ready, auto done) {
              done(OpenStream(*backend_, request, on_ready, clock_.MonotonicNow()));
            }};
  }
  std::unique_ptr<Stream> Create(StreamCoreOptions options) {
    auto stream = std::make_unique<Stream>(options.limits.is_batched);
    stream->core = StreamCore::Create(std::move(options), loop_, backend_->announcements(), clock_);
    return stream;
  }
  std::unique_ptr<Stream> Open(const v1::StreamEventsRequest& request, bool is_batched = true) {
    auto stream = Create(Options(request, is_batched));
    stream->core->OnStart(stream->port);
    return stream;
  }
  void Publish(size_t count, size_t padding = 0) {
    backend_->PublishProcesses(v1::PROCESS_ACTION_START, next_pid_, count, padding);
    next_pid_ += static_cast<uint32_t>(count);
  }
  void UseRing(size_t max_events) {
    backend_ = std::make_unique<FakeBackend>(
        clock_, event_bus::LocalEventBusOptions{.ring_max_events = max_events});
  }

  uint32_t next_pid_ = 1;
  base::FakeClock clock_;
  std::unique_ptr<FakeBackend> backend_ = std::make_unique<FakeBackend>(clock_);
  StreamLoop loop_{clock_};
};

TEST_F(StreamCoreTest, SnapshotComesFirstThenWhatFollowsIt) {
  Publish(3);
  const auto stream = Open({});
  Events events = stream->Next();
  ASSERT_THAT(events, SizeIs(5));
  EXPECT_THAT(Names({events[0], events[4]}), ElementsAre("started", "complete 3@3"));
  const v1::StreamStarted& started = events[0].control().stream_started();
  EXPECT_EQ(started.first_sequence(), 4u);
  EXPECT_FALSE(started.resumed());
  EXPECT_EQ(started.stream_id(), backend_->bus().stream_id());
  EXPECT_EQ(started.publisher().monitor(), "fakemond");
  EXPECT_EQ(events[4].control().snapshot_complete().read(), 7u);
  clock_.Advance(absl::Milliseconds(10));
  Publish(2);
  EXPECT_THAT(Names(stream->Next()), ElementsAre("4", "5"));
}

TEST_F(StreamCoreTest, OneByOneEveryEventIsItsOwnMessage) {
  Publish(2);
  const auto stream = Open({}, false);
  EXPECT_THAT(Names(stream->Next()), ElementsAre("started"));
  EXPECT_THAT(stream->Next(), SizeIs(1));
  EXPECT_THAT(stream->Next(), SizeIs(1));
  EXPECT_THAT(Names(stream->Next()), ElementsAre("complete 2@2"));
  clock_.Advance(absl::Milliseconds(10));
  Publish(3);
  EXPECT_THAT(Names(stream->Next()), ElementsAre("3"));
  EXPECT_THAT(Names(stream->Next()), ElementsAre("4"));
  EXPECT_THAT(Names(stream->Next()), ElementsAre("5"));
}

TEST_F(StreamCoreTest, FollowFalseEndsAfterTheSnapshotOrTheReplay) {
  Publish(4);
  v1::StreamEventsRequest snapshot;
  snapshot.set_follow(false);
  v1::StreamEventsRequest replay = ResumeAfter(2);
  replay.set_follow(false);
  v1::StreamEventsRequest nothing = Live();
  nothing.set_follow(false);
  for (const bool is_batched : {true, false}) {
    auto stream = Open(snapshot, is_batched);
    const Events events = stream->All();
    EXPECT_THAT(events, SizeIs(6));
    EXPECT_EQ(Name(events.back()), "complete 4@4");
    EXPECT_TRUE(stream->port.AwaitFinish().ok());
    EXPECT_THAT(Names(Open(replay, is_batched)->All()), ElementsAre("started", "3", "4"));
    EXPECT_THAT(Names(Open(nothing, is_batched)->All()), ElementsAre("started"));
  }
}

TEST_F(StreamCoreTest, ReplayEndsWhereTheLogEndedWhenItWasOpened) {
  Publish(4);
  v1::StreamEventsRequest request = ResumeAfter(0);
  request.set_follow(false);
  const auto stream = Open(request, false);
  Publish(4);
  EXPECT_THAT(Names(stream->All()), ElementsAre("started", "1", "2", "3", "4"));
}

TEST_F(StreamCoreTest, ValidResumeGoesOnExactlyThereWithoutASnapshot) {
  Publish(5);
  const struct {
    uint64_t after;
    std::vector<std::string> wanted;
  } cases[] = {{5, {"started"}}, {3, {"started", "4", "5"}}};
  for (const auto& c : cases) {
    const auto stream = Open(ResumeAfter(c.after));
    const Events events = stream->Now();
    EXPECT_EQ(Names(events), c.wanted);
    EXPECT_TRUE(events[0].control().stream_started().resumed());
    EXPECT_EQ(events[0].control().stream_started().first_sequence(), c.after + 1);
  }
}

TEST_F(StreamCoreTest, ResumeThatIsNotOursStartsAnewAndSaysSo) {
  Publish(2);
  v1::StreamEventsRequest other = ResumeAfter(1);
  other.mutable_resume()->set_stream_id("another log");
  for (const v1::StreamEventsRequest& request : {other, ResumeAfter(3)}) {
    const Events events = Open(request)->Now();
    EXPECT_EQ(Name(events.back()), "complete 2@2");
    EXPECT_FALSE(events[0].control().stream_started().resumed());
  }
  other.set_include_snapshot(false);
  EXPECT_THAT(Names(Open(other)->Now()), ElementsAre("started", "1", "2"));
}

TEST_F(StreamCoreTest, ResumeOlderThanHeldTellsTheExactRangeFirst) {
  UseRing(4);
  Publish(4);
  Publish(4);
  Publish(4);
  const Events events = Open(ResumeAfter(2))->Now();
  const uint64_t oldest = backend_->bus().statistics().oldest_sequence;
  ASSERT_GT(oldest, 3u);
  ASSERT_GE(events.size(), 3u);
  EXPECT_TRUE(events[0].control().stream_started().resumed());
  EXPECT_EQ(Name(events[1]), "missed 3-" + std::to_string(oldest - 1));
  EXPECT_EQ(Name(events[2]), std::to_string(oldest));
  EXPECT_EQ(Name(events.back()), "12");
}

TEST_F(StreamCoreTest, SlowReaderIsToldExactlyWhatItMissed) {
  UseRing(10);
  const auto stream = Open(Live());
  ASSERT_TRUE(stream->port.AwaitWrite().has_value());  // stream_started, not answered
  for (int i = 0; i < 10; ++i) Publish(5);
  stream->core->OnWriteDone(true);
  const Events events = stream->Now();
  const uint64_t oldest = backend_->bus().statistics().oldest_sequence;
  EXPECT_EQ(Name(events[0]), "missed 1-" + std::to_string(oldest - 1));
  EXPECT_EQ(events[0].control().missed().count(), oldest - 1);
  EXPECT_EQ(Name(events[1]), std::to_string(oldest));
  EXPECT_EQ(Name(events.back()), "50");
}

TEST_F(StreamCoreTest, OverflowDisconnectEndsTheStream) {
  UseRing(10);
  v1::StreamEventsRequest request = Live();
  request.set_overflow(v1::OVERFLOW_POLICY_DISCONNECT);
  const auto stream = Open(request);
  ASSERT_TRUE(stream->port.AwaitWrite().has_value());
  for (int i = 0; i < 10; ++i) Publish(5);
  stream->core->OnWriteDone(true);
  EXPECT_EQ(stream->port.AwaitFinish().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(StreamCoreTest, MaxEventsEndsTheStreamWithinSnapshotReplayAndLive) {
  Publish(5);
  for (const bool is_batched : {true, false}) {
    v1::StreamEventsRequest snapshot;
    snapshot.set_max_events(3);
    EXPECT_THAT(Open(snapshot, is_batched)->All(), SizeIs(4));
    v1::StreamEventsRequest replay = ResumeAfter(0);
    replay.set_max_events(2);
    EXPECT_THAT(Names(Open(replay, is_batched)->All()), ElementsAre("started", "1", "2"));
    v1::StreamEventsRequest live = Live();
    live.set_max_events(1);
    const auto stream = Open(live, is_batched);
    stream->Next();
    clock_.Advance(absl::Milliseconds(10));
    Publish(2);
    EXPECT_THAT(stream->All(), SizeIs(1));
    EXPECT_TRUE(stream->port.AwaitFinish().ok());
  }
}

TEST_F(StreamCoreTest, BatchesKeepToTheirBounds) {
  for (int i = 0; i < 40; ++i) Publish(25, 200);
  StreamCoreOptions options = Options(ResumeAfter(0), true);
  options.limits.max_events = 64;
  options.limits.max_bytes = 8 << 10;
  const auto stream = Create(std::move(options));
  stream->core->OnStart(stream->port);
  uint64_t next = 1;
  while (next <= 1000) {
    const Events events = stream->Next();
    ASSERT_LE(events.size(), 64u);
    for (const auto& event : events) {
      if (!event.has_control()) {
        ASSERT_EQ(event.sequence(), next++);
      }
    }
  }
  EXPECT_LE(stream->port.largest_message_bytes(), 8u << 10);
  EXPECT_GE(stream->port.largest_message_bytes(), 7u << 10);
}

TEST_F(StreamCoreTest, SnapshotGoesInChunksAndAnEventThatIsTooLargeGoesAlone) {
  Publish(30, 300);
  Publish(1, 20'000);
  v1::StreamEventsRequest request;
  request.set_follow(false);
  StreamCoreOptions options = Options(request, true);
  options.limits.max_bytes = 4 << 10;
  const auto stream = Create(std::move(options));
  stream->core->OnStart(stream->port);
  const Events events = stream->All();
  EXPECT_THAT(events, SizeIs(1 + 31 + 1));
  EXPECT_EQ(Name(events.back()), "complete 31@31");
  EXPECT_LE(stream->port.largest_message_bytes(), 21'000u);
}

TEST_F(StreamCoreTest, HeartbeatComesWhenNothingElseDidAndTellsThePosition) {
  v1::StreamEventsRequest request = Live();
  request.mutable_filter()->add_pids(1'000'000);
  StreamCoreOptions options = Options(request, true);
  options.heartbeat_interval = absl::Seconds(5);
  const auto stream = Create(std::move(options));
  stream->core->OnStart(stream->port);
  stream->Next();
  clock_.Advance(absl::Seconds(2));
  Publish(3);
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(stream->Now(), IsEmpty());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Names(stream->Next()), ElementsAre("heartbeat 3"));
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Names(stream->Next()), ElementsAre("heartbeat 3"));
}

TEST_F(StreamCoreTest, FirstWriteAfterSilenceIsAtOnceAndTheNextIsPaced) {
  const auto stream = Open(Live());
  stream->Next();
  clock_.Advance(absl::Seconds(1));
  Publish(1);
  EXPECT_THAT(Names(stream->Now()), ElementsAre("1"));
  Publish(1);
  EXPECT_THAT(stream->Now(), IsEmpty());
  Publish(1);
  clock_.Advance(absl::Microseconds(999));
  EXPECT_THAT(stream->Now(), IsEmpty());
  clock_.Advance(absl::Microseconds(1));
  EXPECT_THAT(Names(stream->Next()), ElementsAre("2", "3"));
}

TEST_F(StreamCoreTest, AFullMessageDoesNotWaitForItsInterval) {
  const auto stream = Open(Live());
  stream->Next();
  clock_.Advance(absl::Seconds(1));
  Publish(1);
  EXPECT_THAT(Names(stream->Next()), ElementsAre("1"));
  // No time passes: what fills a message is written, what does not is gathered.
  Publish(255);
  EXPECT_THAT(stream->Now(), IsEmpty());
  Publish(1);
  EXPECT_THAT(stream->Next(), SizeIs(256));
  Publish(600);
  EXPECT_THAT(stream->Next(), SizeIs(256));
  EXPECT_THAT(stream->Next(), SizeIs(256));
  EXPECT_THAT(stream->Now(), SizeIs(88));
}

TEST_F(StreamCoreTest, WhatAFilterLeavesOutDoesNotFillAMessage) {
  v1::StreamEventsRequest request = Live();
  request.mutable_filter()->add_actions("STOP");
  const auto stream = Open(request);
  stream->Next();
  clock_.Advance(absl::Seconds(1));
  Publish(9);
  backend_->PublishProcesses(v1::PROCESS_ACTION_STOP, 1, 1);
  EXPECT_THAT(Names(stream->Next()), ElementsAre("10"));
  // One of ten passed, so ten messages' worth of the log is waited for.
  Publish(2000);
  backend_->PublishProcesses(v1::PROCESS_ACTION_STOP, 2, 1);
  EXPECT_THAT(stream->Now(), IsEmpty());
  Publish(600);
  backend_->PublishProcesses(v1::PROCESS_ACTION_STOP, 3, 1);
  EXPECT_THAT(stream->Next(), SizeIs(2));
}

TEST_F(StreamCoreTest, BurstInProgressNeverWaits) {
  const auto stream = Open(Live());
  stream->Next();
  clock_.Advance(absl::Seconds(1));
  Publish(1000);
  EXPECT_EQ(stream->Now().size(), 1000u);
}

TEST_F(StreamCoreTest, AnnouncementsComeBeforeTheEventsThatFollowThem) {
  v1::Publisher publisher;
  publisher.set_stream_id("early");
  backend_->announcements().AddPublisher(publisher);
  const auto stream = Open(Live());
  EXPECT_THAT(Names(stream->Next()), ElementsAre("started", "publisher early"));
  clock_.Advance(absl::Seconds(1));
  publisher.set_stream_id("late");
  backend_->announcements().AddPublisher(publisher);
  Publish(1);
  EXPECT_THAT(Names(stream->Now()), ElementsAre("publisher late", "1"));
  v1::CapabilitiesChanged change;
  change.set_reason("why");
  backend_->announcements().CapabilitiesChanged(change);
  EXPECT_THAT(Names(stream->Now()), ElementsAre("capabilities why"));
}

TEST_F(StreamCoreTest, DrainWritesWhatIsInTheLogAndEndsUnavailable) {
  for (const bool is_batched : {true, false}) {
    const auto stream = Open(Live(), is_batched);
    ASSERT_TRUE(stream->port.AwaitWrite().has_value());
    Publish(3);
    stream->core->Drain();
    EXPECT_FALSE(stream->port.finished().has_value());
    stream->core->OnWriteDone(true);
    EXPECT_THAT(stream->All(), SizeIs(3));
    EXPECT_EQ(stream->port.AwaitFinish().code(), absl::StatusCode::kUnavailable);
  }
}

TEST_F(StreamCoreTest, DrainEndsAnIdleStreamAndAnUnfinishedSnapshotAtOnce) {
  Publish(100);
  const auto idle = Open(Live());
  idle->Next();
  const auto snapshot = Open({}, false);
  snapshot->Next();
  const auto unopened = Create({.limits = {}, .open = [](auto, auto) {}});
  unopened->core->OnStart(unopened->port);
  for (const auto* stream : {&idle, &snapshot, &unopened}) {
    (*stream)->core->Drain();
    if ((*stream)->port.TakeWrite().has_value()) (*stream)->core->OnWriteDone(true);
    EXPECT_EQ((*stream)->port.AwaitFinish().code(), absl::StatusCode::kUnavailable);
  }
}

TEST_F(StreamCoreTest, ErrorAtOpeningEndsTheStreamWithIt) {
  v1::StreamEventsRequest request;
  request.mutable_filter()->add_topics("events.*");
  const auto stream = Open(request);
  EXPECT_EQ(stream->port.AwaitFinish().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(stream->port.AwaitFinish().message()), HasSubstr("filter.topics[0]"));
}

TEST_F(StreamCoreTest, PeerThatDoesNotReadIsGivenUpAndItsCursorLetGo) {
  const auto stream = Open(Live());
  ASSERT_TRUE(stream->port.AwaitWrite().has_value());
  clock_.Advance(absl::Seconds(59));
  stream->core->OnWake();
  EXPECT_FALSE(stream->port.is_aborted());
  EXPECT_THAT(backend_->bus().statistics().subscribers, SizeIs(1));
  clock_.Advance(absl::Seconds(1));
  stream->core->OnWake();
  EXPECT_TRUE(stream->port.is_aborted());
  EXPECT_THAT(backend_->bus().statistics().subscribers, IsEmpty());
  Publish(1);
  stream->core->OnWake();
  stream->core->OnWriteDone(false);
  stream->core->OnCancel();
  EXPECT_FALSE(stream->port.AwaitFinish().ok());
}

// Each phase a stream can be in, by how much of it is done before the peer goes.
enum class Phase { kUnopened, kFirstWrite, kInSnapshot, kLiveIdle, kLiveWriting, kDraining };

class StreamEndTest : public StreamCoreTest,
                      public ::testing::WithParamInterface<std::tuple<Phase, int>> {};

TEST_P(StreamEndTest, PeerThatGoesEndsTheStreamOnceAndLetsEverythingGo) {
  const auto [phase, how] = GetParam();
  Publish(10);
  int done_calls = 0;
  StreamCoreOptions options =
      Options(phase == Phase::kInSnapshot ? v1::StreamEventsRequest() : Live(), false);
  options.on_done = [&done_calls] { ++done_calls; };
  std::function<void(absl::StatusOr<OpenedStream>)> late;
  std::function<void()> on_ready;
  if (phase == Phase::kUnopened) {
    options.open = [&](auto ready, auto done) {
      on_ready = ready;
      late = done;
    };
  }
  const auto stream = Create(std::move(options));
  stream->core->OnStart(stream->port);
  if (phase != Phase::kUnopened) {
    ASSERT_TRUE(stream->port.AwaitWrite().has_value());
  }
  bool is_writing = phase == Phase::kFirstWrite;
  if (phase > Phase::kFirstWrite) stream->core->OnWriteDone(true);
  if (phase == Phase::kInSnapshot) is_writing = stream->port.AwaitWrite().has_value();
  if (phase >= Phase::kLiveWriting) {
    clock_.Advance(absl::Seconds(1));
    Publish(2);
    stream->core->OnWake();
    is_writing = stream->port.AwaitWrite().has_value();
  }
  if (phase == Phase::kDraining) stream->core->Drain();

  // 0: cancel alone; 1: cancel, then the write fails; 2: the write fails, then cancel.
  if (how == 2 && is_writing) stream->core->OnWriteDone(false);
  stream->core->OnCancel();
  if (how == 1 && is_writing) stream->core->OnWriteDone(false);
  EXPECT_EQ(stream->port.AwaitFinish().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(backend_->bus().statistics().subscribers, IsEmpty());

  stream->core->OnDone();
  EXPECT_EQ(done_calls, 1);
  EXPECT_EQ(loop_.member_count(), 0u);
  // What comes late finds nobody and does no harm.
  if (late != nullptr) late(OpenStream(*backend_, Live(), on_ready, clock_.MonotonicNow()));
  stream->core->OnWake();
  stream->core->Drain();
  Publish(1);
  EXPECT_THAT(backend_->bus().statistics().subscribers, IsEmpty());
  std::weak_ptr<StreamCore> weak = stream->core;
  stream->core.reset();
  late = nullptr;
  EXPECT_TRUE(weak.expired());
}

INSTANTIATE_TEST_SUITE_P(
    EveryPhase, StreamEndTest,
    ::testing::Combine(::testing::Values(Phase::kUnopened, Phase::kFirstWrite, Phase::kInSnapshot,
                                         Phase::kLiveIdle, Phase::kLiveWriting, Phase::kDraining),
                       ::testing::Values(0, 1, 2)));

}  // namespace
}  // namespace daemoneye::monitor
