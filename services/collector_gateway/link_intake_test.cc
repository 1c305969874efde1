#include "services/collector_gateway/link_intake.h"

#include <string>
#include <vector>

#include "daemoneye/v1/monitor_service.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "libs/base/fake_clock.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::gateway {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::HasSubstr;

constexpr char kStream[] = "11111111-1111-4111-8111-111111111111";

class LinkIntakeTest : public testing::Test {
 protected:
  LinkIntakeTest()
      : bus_({.monitor = "gateway", .host = "here"}, clock_),
        intake_(
            bus_, pool_, clock_, {.max_event_bytes = 2000, .max_snapshot_events = 3},
            [](const v1::Origin& origin) -> std::optional<Rejection> {
              if (origin.stream_id() == kStream) return std::nullopt;
              return Rejection::kForgedOrigin;
            },
            [this](const v1::StreamControl& control) {
              controls_.push_back(control);
              return absl::OkStatus();
            }) {
    intake_.Begin("procmond@host-a", kStream, 0);
  }

  static v1::CollectionEvent Event(uint64_t sequence, uint32_t pid = 1) {
    v1::CollectionEvent event;
    event.set_sequence(sequence);
    event.mutable_origin()->set_monitor("procmond");
    event.mutable_origin()->set_host("host-a");
    event.mutable_origin()->set_stream_id(kStream);
    event.mutable_origin()->set_sequence(sequence);
    event.mutable_correlation()->set_correlation_id("c");
    event.mutable_event_time()->set_seconds(1'700'000'000);
    event.mutable_observed_time()->set_seconds(1'700'000'001);
    event.set_source("process-scan");
    event.mutable_process()->set_action(v1::PROCESS_ACTION_START);
    event.mutable_process()->set_pid(pid);
    event.mutable_process()->set_process_key("k" + std::to_string(pid));
    event.mutable_process()->set_name("name");
    return event;
  }

  static std::string Frame(std::string_view bytes) {
    std::string frame = "\x0a";
    size_t length = bytes.size();
    for (; length >= 0x80; length >>= 7) frame.push_back(static_cast<char>(length | 0x80));
    frame.push_back(static_cast<char>(length));
    return frame.append(bytes);
  }
  static std::string Batch(const std::vector<v1::CollectionEvent>& events) {
    std::string message;
    for (const v1::CollectionEvent& event : events) message += Frame(event.SerializeAsString());
    return message;
  }
  // An event that protobuf refuses to parse: its name is not UTF-8.
  static std::string Poison(uint64_t sequence) {
    std::string bytes = Event(sequence).SerializeAsString();
    bytes.replace(bytes.find("name"), 4, "n\xff\xfe!");
    return bytes;
  }

  // The gateway's whole log.
  std::vector<v1::CollectionEvent> Log() {
    v1::EventFilter everything;
    everything.add_topics("events.#");
    everything.add_topics("events.process.sample");
    everything.set_own(true);
    auto subscription = bus_.Subscribe({.filter = everything, .from_sequence = 1});
    EXPECT_TRUE(subscription.ok()) << subscription.status();
    std::vector<v1::CollectionEvent> log;
    const auto delivery = (*subscription)->Poll({.max_events = 10'000, .max_bytes = 1 << 24});
    EXPECT_TRUE(delivery.ok()) << delivery.status();
    for (const event_bus::BatchSpan& span : delivery->spans) {
      for (uint32_t i = 0; i < span.count; ++i) {
        EXPECT_TRUE(log.emplace_back().ParseFromString(
            std::string(span.batch->event_bytes(span.first + i))));
      }
    }
    return log;
  }

  base::FakeClock clock_;
  event_bus::LocalEventBus bus_;
  event::EventPool pool_;
  std::vector<v1::StreamControl> controls_;
  LinkIntake intake_;
};

TEST_F(LinkIntakeTest, ReStampsTheSequenceAndChangesNothingElse) {
  intake_.Begin("procmond@host-a", kStream, 41);
  ASSERT_TRUE(intake_.AcceptBatch(Batch({Event(42, 7), Event(43, 8)})).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 2u);
  v1::CollectionEvent expected = Event(43, 8);
  expected.set_sequence(2);
  EXPECT_TRUE(MessageDifferencer::Equals(log[1], expected)) << log[1].DebugString();
  EXPECT_EQ(log[1].origin().sequence(), 43u);
  EXPECT_EQ(intake_.position(), 43u);
  EXPECT_EQ(intake_.counts().accepted, 2u);
  EXPECT_EQ(intake_.counts().gaps, 0u);
}

TEST_F(LinkIntakeTest, AHoleBecomesALossEventAtItsPlace) {
  ASSERT_TRUE(intake_.AcceptBatch(Batch({Event(1), Event(5), Event(6)})).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log[0].origin().sequence(), 1u);
  ASSERT_TRUE(log[1].has_loss());
  EXPECT_EQ(log[1].loss().reason(), "gap");
  EXPECT_EQ(log[1].loss().count(), 3u);
  EXPECT_EQ(log[1].loss().first_sequence(), 2u);
  EXPECT_EQ(log[1].loss().last_sequence(), 4u);
  EXPECT_EQ(log[1].loss().monitor(), "procmond@host-a");
  EXPECT_EQ(log[1].origin().monitor(), "gateway");
  EXPECT_EQ(log[2].origin().sequence(), 5u);
  EXPECT_EQ(log[3].origin().sequence(), 6u);
  EXPECT_EQ(intake_.counts().gaps, 1u);
  EXPECT_EQ(intake_.counts().lost, 3u);
}

TEST_F(LinkIntakeTest, APoisonedEventIsDroppedAloneAndIsNoGap) {
  const std::string message = Batch({Event(1)}) + Frame(Poison(2)) + Batch({Event(3)});
  ASSERT_TRUE(intake_.AcceptBatch(message).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(log[1].loss().reason(), "unparsable");
  EXPECT_EQ(log[1].loss().first_sequence(), 2u);
  EXPECT_EQ(log[2].origin().sequence(), 3u);
  EXPECT_EQ(intake_.counts().gaps, 0u);
  EXPECT_EQ(intake_.counts().rejected[static_cast<int>(Rejection::kUnparsable)], 1u);
}

TEST_F(LinkIntakeTest, GarbageWithoutASequenceExplainsTheHoleBehindIt) {
  const std::string message =
      Batch({Event(1)}) + Frame("\xff\xff\xff") + Frame("\xff") + Batch({Event(4)});
  ASSERT_TRUE(intake_.AcceptBatch(message).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(log[1].loss().reason(), "unparsable");
  EXPECT_EQ(log[1].loss().count(), 2u);
  EXPECT_EQ(intake_.counts().gaps, 0u);
}

TEST_F(LinkIntakeTest, AForgedOriginIsDroppedAloneAndNamed) {
  v1::CollectionEvent forged = Event(2);
  forged.mutable_origin()->set_stream_id("another");
  ASSERT_TRUE(intake_.AcceptBatch(Batch({Event(1), forged, Event(3)})).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(log[1].loss().reason(), "forged_origin");
  EXPECT_EQ(log[2].origin().sequence(), 3u);
  EXPECT_EQ(intake_.counts().rejected[static_cast<int>(Rejection::kForgedOrigin)], 1u);
}

TEST_F(LinkIntakeTest, ASequenceThatGoesBackClosesTheLinkAndKeepsWhatCameBefore) {
  const absl::Status status = intake_.AcceptBatch(Batch({Event(1), Event(2), Event(2), Event(3)}));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("sequence 2 after 2"));
  EXPECT_EQ(Log().size(), 2u);
  EXPECT_EQ(intake_.position(), 2u);
}

TEST_F(LinkIntakeTest, AnEventTooLargeClosesTheLinkOnce) {
  v1::CollectionEvent large = Event(2);
  large.mutable_process()->set_name(std::string(3000, 'x'));
  const absl::Status status = intake_.AcceptBatch(Batch({Event(1), large, Event(3)}));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  // Asked for again from here, the monitor goes on behind it.
  EXPECT_EQ(intake_.position(), 2u);
  ASSERT_TRUE(intake_.AcceptBatch(Batch({Event(3)})).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(log[1].loss().reason(), "too_large");
  EXPECT_EQ(intake_.counts().gaps, 0u);
}

TEST_F(LinkIntakeTest, SnapshotsAreStateNotPositionsAndAreBounded) {
  std::vector<v1::CollectionEvent> snapshot;
  for (uint32_t pid = 1; pid <= 4; ++pid) {
    snapshot.push_back(Event(0, pid));
    snapshot.back().mutable_process()->set_action(v1::PROCESS_ACTION_SNAPSHOT);
  }
  const absl::Status status = intake_.AcceptBatch(Batch(snapshot));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Log().empty());
  EXPECT_EQ(bus_.statistics().state_entries, 3u);
  EXPECT_EQ(intake_.counts().accepted, 0u);
}

TEST_F(LinkIntakeTest, ABrokenClockDoesNotLoseTheEvent) {
  v1::CollectionEvent event = Event(1);
  event.mutable_event_time()->set_seconds(1'700'000'001 - 25 * 3600);
  ASSERT_TRUE(intake_.AcceptBatch(Batch({event})).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].event_time().seconds(), 1'700'000'001);
  EXPECT_EQ(intake_.counts().retimed, 1u);
}

TEST_F(LinkIntakeTest, ARepeatedSequenceFieldCannotOverrideTheStamp) {
  // Last one wins: without care a second `sequence` at the end would undo the stamp at the front.
  std::string twice = Event(42).SerializeAsString();
  twice += std::string("\x09\x2a\0\0\0\0\0\0\0", 9);
  intake_.Begin("procmond@host-a", kStream, 41);
  ASSERT_TRUE(intake_.AcceptBatch(Frame(twice)).ok());
  const auto log = Log();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].sequence(), 1u);
}

TEST_F(LinkIntakeTest, ControlMessagesArriveInPlaceAndTakeNoPosition) {
  v1::CollectionEvent heartbeat;
  heartbeat.mutable_control()->mutable_heartbeat()->set_sequence(9);
  ASSERT_TRUE(intake_.AcceptBatch(Batch({Event(1), heartbeat, Event(2)})).ok());
  EXPECT_EQ(controls_.size(), 1u);
  EXPECT_EQ(Log().size(), 2u);
}

TEST_F(LinkIntakeTest, CountsAddUp) {
  v1::CollectionEvent forged = Event(2);
  forged.mutable_origin()->set_stream_id("another");
  ASSERT_TRUE(
      intake_.AcceptBatch(Batch({Event(1), forged}) + Frame(Poison(3)) + Batch({Event(7)})).ok());
  const LinkCounts& counts = intake_.counts();
  uint64_t rejected = 0;
  for (const uint64_t n : counts.rejected) rejected += n;
  EXPECT_EQ(counts.received, counts.accepted + rejected);
  EXPECT_EQ(bus_.statistics().published, counts.accepted + counts.notices);
}

}  // namespace
}  // namespace daemoneye::gateway
