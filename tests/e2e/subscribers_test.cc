// Many readers of one log, slow ones among them: who gets what, who is told what, and what it
// costs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/support/client.h"
#include "tests/support/herd.h"
#include "tests/support/instrumented.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using testing_support::Client;
using testing_support::EventStream;
using testing_support::EveryEvent;
using testing_support::Herd;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::LiveOnly;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr int kHerd = 800;
// A scan brings an event a process: the ring holds one scan and not two.
constexpr int kRingEvents = 1400;
constexpr uint64_t kRingBytes = 1 << 20;

// Everything there is, so that positions have no holes but for what is told.
v1::StreamEventsRequest Everything(const std::string& client_id) {
  v1::StreamEventsRequest request = LiveOnly();
  *request.mutable_filter() = EveryEvent();
  request.mutable_filter()->set_own(true);
  request.set_client_id(client_id);
  return request;
}

// What a stream brought, held against the rule: contiguous positions, but for what a notice names.
struct Received {
  std::vector<uint64_t> sequences;
  std::vector<v1::Missed> missed;
  uint64_t last = 0;

  void Add(const v1::CollectionEvent& event) {
    if (event.control().has_stream_started()) {
      if (last == 0) last = event.control().stream_started().first_sequence() - 1;
    } else if (event.control().has_missed()) {
      missed.push_back(event.control().missed());
      EXPECT_EQ(missed.back().first_sequence(), last + 1);
      last = missed.back().last_sequence();
    } else if (event.sequence() != 0) {
      EXPECT_EQ(event.sequence(), last + 1);
      last = event.sequence();
      sequences.push_back(last);
    }
  }
  uint64_t missed_count() const {
    uint64_t count = 0;
    for (const v1::Missed& notice : missed) count += notice.count();
    return count;
  }
};

class SubscribersTest : public ::testing::Test {
 protected:
  std::unique_ptr<Server> StartProcmond(std::vector<std::string> flags) {
    // Scans alone: what a busy machine does meanwhile would leave no quiet moment.
    flags.insert(flags.end(), {"--interval=5", "--samples=all", "--sources=scan"});
    auto server = std::make_unique<Server>(kProcmond, directory_.Socket("p"), flags);
    server->Ready();
    return server;
  }
  static std::vector<std::string> SmallRing() {
    return {"--ring_events=" + std::to_string(kRingEvents),
            "--ring_bytes=" + std::to_string(kRingBytes)};
  }
  // Reads until the position is at least `sequence`.
  static void ReadTo(uint64_t sequence, EventStream& stream, Received& received) {
    while (received.last < sequence) {
      const auto event = stream.Next();
      ASSERT_TRUE(event.has_value()) << "the stream ended: " << stream.Finish();
      received.Add(*event);
    }
  }

  const Herd herd_{kHerd};
  TempDirectory directory_;
};

// At a quiet moment: a heartbeat comes when nothing was published for its interval, and the next
// scan is seconds away.
void ExpectAddsUp(const Client& client) {
  v1::StreamEventsRequest request = Everything("quiet");
  request.mutable_heartbeat_interval()->set_seconds(1);
  EventStream stream = client.StreamEvents(request);
  stream.Until([](const auto& event) { return event.control().has_heartbeat(); });
  const auto status = client.GetStatus();
  const auto log = client.Negotiate();
  ASSERT_TRUE(status.ok() && log.ok());
  const uint64_t next_sequence = log->next_sequence();
  const v1::Accounting& account = status->accounting();
  uint64_t dropped = 0;
  for (const v1::DroppedCount& stage : account.dropped()) dropped += stage.count();
  EXPECT_EQ(account.observed(), account.published() + account.filtered() + dropped)
      << account.ShortDebugString();
  EXPECT_EQ(account.published() + account.notices(), next_sequence - 1);
  for (const v1::SubscriberAccount& reader : account.subscribers()) {
    EXPECT_EQ(next_sequence - reader.first_sequence(),
              reader.delivered() + reader.filtered() + reader.dropped() + reader.queued())
        << reader.ShortDebugString();
  }
}

TEST_F(SubscribersTest, OnesThatNeverReadCostTheOthersNothingAndAreTold) {
  const auto procmond = StartProcmond(SmallRing());
  const Client client(procmond->address());
  EventStream stalled = Client(procmond->address()).StreamEvents(Everything("stalled"));
  v1::StreamEventsRequest disconnect = Everything("impatient");
  disconnect.set_overflow(v1::OVERFLOW_POLICY_DISCONNECT);
  EventStream impatient = Client(procmond->address()).StreamEvents(disconnect);
  ASSERT_TRUE(impatient.Next().has_value());
  Received late;
  late.Add(*stalled.Next());
  const uint64_t end = late.last + 3 * kHerd;

  std::vector<std::future<Received>> readers;
  readers.reserve(9);
  for (int i = 0; i < 9; ++i) {
    readers.push_back(std::async(std::launch::async, [&, i] {
      const Client own(procmond->address());
      EventStream stream = own.StreamEvents(Everything("reader-" + std::to_string(i)));
      Received received;
      ReadTo(end, stream, received);
      return received;
    }));
  }
  for (auto& reader : readers) {
    const Received received = reader.get();
    EXPECT_GE(received.sequences.size(), 2u * kHerd);
    EXPECT_EQ(received.missed_count(), 0u) << "it kept up";
  }

  ExpectAddsUp(client);
  const auto log = client.Negotiate();
  ASSERT_TRUE(log.ok());
  if (!testing_support::IsInstrumented()) {
    EXPECT_LT(procmond->AnonymousBytes(), kRingBytes + (25 << 20));
  }

  // Now it reads: what is on the way, the notice, and what the ring still holds.
  ReadTo(log->next_sequence() - 1, stalled, late);
  ASSERT_FALSE(late.missed.empty());
  uint64_t range = 0;
  for (const v1::Missed& notice : late.missed) {
    ASSERT_TRUE(notice.has_count());
    range += notice.last_sequence() - notice.first_sequence() + 1;
  }
  EXPECT_EQ(late.missed_count(), range) << "the filter leaves nothing out";
  EXPECT_GE(late.missed_count(), static_cast<uint64_t>(kHerd) / 2);
  // The one that asked to be sent away in such a case was.
  EXPECT_EQ(impatient.Finish().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(SubscribersTest, OneThatNeverReadsDoesNotHoldUpTheEnd) {
  const auto procmond = StartProcmond(SmallRing());
  v1::StreamEventsRequest with_snapshot = Everything("stalled");
  with_snapshot.set_include_snapshot(true);
  std::vector<EventStream> stalled;
  for (int i = 0; i < 5; ++i) {
    stalled.push_back(Client(procmond->address()).StreamEvents(with_snapshot));
    ASSERT_TRUE(stalled.back().Next().has_value());
  }
  const absl::Duration took = procmond->Terminate();
  if (!testing_support::IsInstrumented()) {
    EXPECT_LE(took, absl::Seconds(1));
  }
  for (EventStream& stream : stalled) EXPECT_FALSE(stream.Finish().ok());
}

// What a client gets that comes back, at either hop.
void ExpectResumes(const Server& server) {
  const Client client(server.address());
  Received first;
  std::string stream_id;
  {
    EventStream stream = client.StreamEvents(Everything("first"));
    const auto opened = stream.Next();
    ASSERT_TRUE(opened.has_value());
    stream_id = opened->control().stream_started().stream_id();
    first.Add(*opened);
    const uint64_t begin = first.last;
    while (first.last < begin + 100) first.Add(*stream.Next());
  }
  // Others read on, until the ring has turned over.
  EventStream other = client.StreamEvents(Everything("other"));
  Received rest;
  while (rest.last < first.last + 2 * kHerd) rest.Add(*other.Next());

  const auto resume_at = [&](uint64_t sequence) {
    v1::StreamEventsRequest request = Everything("resumed");
    request.mutable_resume()->set_stream_id(stream_id);
    request.mutable_resume()->set_after_sequence(sequence);
    request.set_follow(false);
    return request;
  };
  const auto log = client.Negotiate();
  ASSERT_TRUE(log.ok());
  ASSERT_GT(log->oldest_sequence(), first.last + 1) << "the ring has not turned over";

  // Too old: told exactly what is no longer held, then all that is.
  EventStream too_old = client.StreamEvents(resume_at(first.last));
  Received resumed;
  resumed.last = first.last;
  for (const v1::CollectionEvent& event : too_old.Rest()) {
    if (event.control().has_stream_started()) {
      EXPECT_TRUE(event.control().stream_started().resumed());
    }
    resumed.Add(event);
  }
  ASSERT_EQ(resumed.missed.size(), 1u);
  EXPECT_GE(resumed.missed[0].last_sequence() + 1, log->oldest_sequence());
  EXPECT_GE(resumed.last + 1, log->next_sequence());
  ASSERT_FALSE(resumed.sequences.empty());

  // Still held: nothing is missing, nothing comes twice.
  const auto now = client.Negotiate();
  ASSERT_TRUE(now.ok());
  const uint64_t held = now->next_sequence() - 100;
  EventStream in_time = client.StreamEvents(resume_at(held));
  Received exact;
  exact.last = held;
  for (const v1::CollectionEvent& event : in_time.Rest()) exact.Add(event);
  EXPECT_TRUE(exact.missed.empty());
  EXPECT_GE(exact.sequences.size(), 99u);
}

TEST_F(SubscribersTest, AResumeAtTheMonitorIsExact) {
  const auto procmond = StartProcmond(SmallRing());
  ExpectResumes(*procmond);
}

TEST_F(SubscribersTest, AResumeAtTheGatewayIsExact) {
  const auto procmond = StartProcmond({});
  std::vector<std::string> flags = SmallRing();
  flags.push_back("--monitors=" + procmond->address());
  Server gateway(kGateway, directory_.Socket("g"), flags);
  gateway.Ready();
  ExpectResumes(gateway);
  ExpectAddsUp(Client(gateway.address()));
}

TEST_F(SubscribersTest, BatchesBringTheSameEventsWithinTheirBounds) {
  const auto procmond = StartProcmond({});
  const Client client(procmond->address());
  EventStream live = client.StreamEvents(Everything("live"));
  Received received;
  while (received.sequences.size() < kHerd) received.Add(*live.Next());

  v1::StreamEventBatchesRequest request;
  *request.mutable_stream() = Everything("batches");
  request.mutable_stream()->set_follow(false);
  const auto log = client.Negotiate();
  ASSERT_TRUE(log.ok());
  request.mutable_stream()->mutable_resume()->set_stream_id(log->stream_id());
  request.set_max_batch_events(100);
  request.set_max_batch_bytes(32 << 10);
  const auto batches = client.StreamEventBatches(request);
  ASSERT_TRUE(batches.ok()) << batches.status();
  Received batched;
  for (const v1::StreamEventBatchesResponse& batch : *batches) {
    EXPECT_EQ(batch.stream_id(), log->stream_id());
    EXPECT_LE(batch.events_size(), 100);
    EXPECT_LE(batch.ByteSizeLong(), 32u << 10);
    for (const v1::CollectionEvent& event : batch.events()) batched.Add(event);
  }
  EXPECT_GE(batched.last, received.last);
  EXPECT_EQ(batched.sequences.front(), 1u);
}

}  // namespace
}  // namespace daemoneye
