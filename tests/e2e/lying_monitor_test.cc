// The real gateway between an honest monitor and one that lies: the lie is refused, named and
// counted, and the honest monitor's stream goes on as if nothing were.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/base/thread.h"
#include "services/collector_gateway/fake_monitor.h"
#include "tests/support/client.h"
#include "tests/support/instrumented.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using gateway::FakeMonitor;
using ::testing::HasSubstr;
using testing_support::Client;
using testing_support::EventStream;
using testing_support::IsInstrumented;
using testing_support::kGateway;
using testing_support::LiveOnly;
using testing_support::Server;
using testing_support::TempDirectory;

// A million events take a while where every one is instrumented.
constexpr absl::Duration kLong = absl::Minutes(3);
constexpr char kExampleMonitor[] = "tests/example_monitor/example_monitor";

absl::Time TimeOf(const v1::CollectionEvent& event) {
  return absl::FromUnixSeconds(event.event_time().seconds()) +
         absl::Nanoseconds(event.event_time().nanos());
}

// Ten events a second of an honest monitor, read through the gateway.
class HonestStream {
 public:
  explicit HonestStream(const Server& gateway)
      : client_(gateway.address()), stream_(client_.StreamEvents(Request(), kLong)) {}

  // The next one; the test fails where one is missing in between. nullopt: the stream has ended.
  std::optional<v1::CollectionEvent> Next() {
    std::optional<v1::CollectionEvent> event;
    do {
      event = stream_.Next();
    } while (event.has_value() && !event->has_performance());
    EXPECT_TRUE(event.has_value()) << "the honest stream ended";
    if (!event.has_value()) return event;
    if (last_ != 0) {
      EXPECT_EQ(event->origin().sequence(), last_ + 1);
    }
    last_ = event->origin().sequence();
    return event;
  }
  void Read(int count) {
    while (count-- > 0 && Next().has_value()) {
    }
  }

 private:
  static v1::StreamEventsRequest Request() {
    v1::StreamEventsRequest request = LiveOnly();
    request.mutable_filter()->add_monitors("examplemond");
    return request;
  }

  Client client_;
  EventStream stream_;
  uint64_t last_ = 0;
};

class LyingMonitorTest : public ::testing::Test {
 protected:
  LyingMonitorTest() : honest_(kExampleMonitor, directory_.Socket("honest"), {}) {
    honest_.Ready();
  }

  std::unique_ptr<Server> StartGateway() {
    auto gateway = std::make_unique<Server>(
        kGateway, directory_.Socket("g"),
        std::vector<std::string>{"--metrics_address=127.0.0.1:0",
                                 "--monitors=" + honest_.address() + "," + liar_address_});
    gateway->Ready();
    return gateway;
  }
  // What ListMonitors says of the link at `address`.
  static v1::MonitorLink LinkTo(const Server& gateway, const std::string& address) {
    const auto links = Client(gateway.address()).ListMonitors();
    EXPECT_TRUE(links.ok()) << links.status();
    if (!links.ok()) return {};
    for (const v1::MonitorLink& link : links->monitors()) {
      if (link.address() == address) return link;
    }
    ADD_FAILURE() << "no link to " << address;
    return {};
  }
  void ExpectUndisturbed(const Server& gateway) {
    const v1::MonitorLink link = LinkTo(gateway, honest_.address());
    EXPECT_EQ(link.state(), v1::MONITOR_STATE_STREAMING);
    EXPECT_EQ(link.reconnects(), 0u);
    EXPECT_EQ(link.gaps(), 0u);
    EXPECT_EQ(link.rejected_size(), 0);
  }
  static std::string Dropped(const char* reason) {
    return std::string("daemoneye_events_dropped_total{reason=\"") + reason + "\",stage=\"link\"} ";
  }

  const TempDirectory directory_;
  const std::string liar_address_ = directory_.Socket("liar");
  Server honest_;
  FakeMonitor liar_;
};

TEST_F(LyingMonitorTest, WhatShowsThatItsLogIsNotALogClosesTheLinkByName) {
  v1::CollectionEvent large = liar_.Start(1, 7);
  for (int i = 0; i < 40; ++i) large.mutable_process()->add_command_line(std::string(4096, 'x'));
  const struct {
    std::vector<v1::CollectionEvent> events;
    const char* error;
    const char* reason;
  } cases[] = {
      {{liar_.Start(3, 7), liar_.Start(2, 8)}, "went back", "sequence_back"},
      {{large}, "bytes", "too_large"},
  };
  for (const auto& c : cases) {
    liar_.live = [&](const v1::StreamEventsRequest&) {
      FakeMonitor::Script script{{liar_.Started(true, 1)}, false};
      script.events.insert(script.events.end(), c.events.begin(), c.events.end());
      return script;
    };
    const auto gateway = StartGateway();
    HonestStream honest(*gateway);
    honest.Read(2);
    liar_.Start(directory_.File("liar"));
    ASSERT_TRUE(gateway->AwaitLine({"monitor link", "RETRYING", c.error}).has_value());
    honest.Read(5);
    EXPECT_THAT(LinkTo(*gateway, liar_address_).last_error(), HasSubstr(c.error));
    EXPECT_THAT(gateway->Metrics(), Not(HasSubstr(Dropped(c.reason) + "0\n")));
    EXPECT_THAT(gateway->Metrics(), HasSubstr(Dropped(c.reason)));
    ExpectUndisturbed(*gateway);
    liar_.Stop();
  }
}

TEST_F(LyingMonitorTest, ASnapshotWithoutAnEndIsCutOffAtItsBound) {
  uint32_t pid = 0;
  liar_.snapshot = [&](const v1::StreamEventsRequest&) {
    return FakeMonitor::Script{{liar_.Started(false, 1)}, false, [&] {
                                 v1::CollectionEvent event = liar_.Start(0, ++pid % 100'000 + 1);
                                 event.mutable_process()->set_action(v1::PROCESS_ACTION_SNAPSHOT);
                                 return std::optional<v1::CollectionEvent>(std::move(event));
                               }};
  };
  const auto gateway = StartGateway();
  HonestStream honest(*gateway);
  honest.Read(2);
  liar_.Start(directory_.File("liar"));
  std::atomic<bool> is_cut = false;
  base::Thread watcher("watcher", [&](std::stop_token) {
    EXPECT_TRUE(gateway->AwaitLine({"monitor link", "RETRYING", "snapshot of more than"}, kLong)
                    .has_value());
    is_cut = true;
  });
  while (!is_cut && honest.Next().has_value()) {
  }
  watcher.StopAndJoin();
  EXPECT_THAT(LinkTo(*gateway, liar_address_).last_error(), HasSubstr("snapshot of more than"));
  EXPECT_THAT(gateway->Metrics(), Not(HasSubstr(Dropped("snapshot_too_long") + "0\n")));
  honest.Read(2);
  ExpectUndisturbed(*gateway);
}

TEST_F(LyingMonitorTest, AHoleIsTheGapThatItIsAndAForgedOriginIsDroppedAlone) {
  v1::CollectionEvent forged = liar_.Start(6, 8);
  forged.mutable_origin()->set_monitor("examplemond");
  liar_.live = [&](const v1::StreamEventsRequest&) {
    return FakeMonitor::Script{
        {liar_.Started(true, 1), liar_.Start(1, 7), liar_.Start(5, 7), forged, liar_.Start(7, 9)},
        false};
  };
  const auto gateway = StartGateway();
  HonestStream honest(*gateway);
  honest.Read(2);
  v1::StreamEventsRequest request = LiveOnly();
  request.mutable_filter()->add_pids(9);
  EventStream after = Client(gateway->address()).StreamEvents(request);
  ASSERT_TRUE(after.Next().has_value());
  liar_.Start(directory_.File("liar"));
  after.Until([](const v1::CollectionEvent& event) { return event.process().pid() == 9; });
  honest.Read(5);
  const v1::MonitorLink link = LinkTo(*gateway, liar_address_);
  EXPECT_EQ(link.state(), v1::MONITOR_STATE_STREAMING) << link.last_error();
  EXPECT_GE(link.lost_events(), 3u);
  ASSERT_EQ(link.rejected_size(), 1);
  EXPECT_EQ(link.rejected(0).reason(), "forged_origin");
  const std::string page = gateway->Metrics();
  EXPECT_THAT(page, HasSubstr(Dropped("forged_origin") + "1\n"));
  EXPECT_THAT(page, Not(HasSubstr("gateway_gaps_total{monitor=\"" + liar_address_ + "\"} 0\n")));
  ExpectUndisturbed(*gateway);
}

TEST_F(LyingMonitorTest, AFullRingThatComesBackHoldsNobodyElseUp) {
  constexpr uint64_t kBacklog = 200'000;
  uint64_t next = 1;
  liar_.live = [&](const v1::StreamEventsRequest& request) {
    next = request.resume().after_sequence() + 1;
    return FakeMonitor::Script{{liar_.Started(true, next)}, false, [&] {
                                 std::optional<v1::CollectionEvent> event;
                                 if (next > kBacklog) return event;
                                 event = liar_.Start(next++, 7);
                                 event->mutable_process()->add_command_line(std::string(150, 'x'));
                                 return event;
                               }};
  };
  const auto gateway = StartGateway();
  HonestStream honest(*gateway);
  honest.Read(2);
  v1::StreamEventsRequest request = LiveOnly();
  request.mutable_filter()->add_monitors(liar_.negotiation.monitor());
  EventStream backlog = Client(gateway->address()).StreamEvents(request, kLong);
  ASSERT_TRUE(backlog.Next().has_value());
  std::atomic<bool> is_through = false;
  base::Thread reader("backlog", [&](std::stop_token) {
    backlog.Until([&](const v1::CollectionEvent& event) {
      return event.origin().monitor() == liar_.negotiation.monitor() &&
             event.origin().sequence() == kBacklog;
    });
    is_through = true;
  });
  liar_.Start(directory_.File("liar"));
  absl::Duration longest = absl::ZeroDuration();
  for (int i = 0; i < 5 || !is_through; ++i) {
    const std::optional<v1::CollectionEvent> event = honest.Next();
    if (!event.has_value()) break;
    longest = std::max(longest, absl::Now() - TimeOf(*event));
  }
  reader.StopAndJoin();
  EXPECT_LT(longest, IsInstrumented() ? absl::Seconds(10) : absl::Seconds(1));
  EXPECT_EQ(LinkTo(*gateway, liar_address_).position().sequence(), kBacklog);
  ExpectUndisturbed(*gateway);
}

}  // namespace
}  // namespace daemoneye
