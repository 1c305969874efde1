// A gateway and its monitors, each a process of its own: links, restarts, and what clients see of
// them.

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using google::protobuf::util::MessageDifferencer;
using procfs::TestChild;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_support::Client;
using testing_support::EventStream;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::Server;
using testing_support::SnapshotOnly;
using testing_support::TempDirectory;

// What a task may be incomplete for: in a container not even root sees all that runs.
constexpr char kMayNotBeLookedAt[] = "may not be looked at";

bool IsSnapshotComplete(const v1::CollectionEvent& event) {
  return event.control().has_snapshot_complete();
}

class GatewayTest : public ::testing::Test {
 protected:
  std::unique_ptr<Server> StartProcmond(const std::string& listen,
                                        std::vector<std::string> flags = {"--interval=5"}) {
    return std::make_unique<Server>(kProcmond, listen, flags);
  }
  // Not waited for: some have no monitor to be ready with.
  std::unique_ptr<Server> StartGateway(const std::string& name, const std::string& monitors,
                                       std::vector<std::string> flags = {}) {
    flags.push_back("--monitors=" + monitors);
    // Else the log also has what triggers make of whatever runs on the machine.
    flags.push_back("--default_triggers=false");
    return std::make_unique<Server>(kGateway, directory_.Socket(name), flags);
  }

  TempDirectory directory_;
  const std::string monitor_ = directory_.Socket("p");
};

// The links by address.
std::map<std::string, v1::MonitorLink> Links(const Server& gateway) {
  std::map<std::string, v1::MonitorLink> links;
  const auto answer = Client(gateway.address()).ListMonitors();
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (!answer.ok()) return links;
  for (const v1::MonitorLink& link : answer->monitors()) links[link.address()] = link;
  return links;
}

std::set<std::string> KeysOf(const std::vector<v1::CollectionEvent>& events) {
  std::set<std::string> keys;
  for (const v1::CollectionEvent& event : events) {
    if (event.has_process()) keys.insert(event.process().process_key());
  }
  return keys;
}

TEST_F(GatewayTest, TheMonitorsEventsArriveWithTheirOriginAndNothingElseChanged) {
  const auto procmond = StartProcmond(monitor_);
  const auto gateway = StartGateway("g", monitor_);
  procmond->Ready();
  gateway->Ready();
  TestChild stays(TestChild::ProgramPath());
  EventStream near = Client(procmond->address()).StreamEvents({});
  EventStream far = Client(gateway->address()).StreamEvents({});
  near.Until(IsSnapshotComplete);
  far.Until(IsSnapshotComplete);

  auto child = std::make_unique<TestChild>(TestChild::ProgramPath());
  const auto pid = static_cast<uint32_t>(child->pid());
  for (const v1::ProcessAction action : {v1::PROCESS_ACTION_START, v1::PROCESS_ACTION_STOP}) {
    const auto is_it = [&](const v1::CollectionEvent& event) {
      return event.process().pid() == pid && event.process().action() == action;
    };
    auto here = near.Until(is_it);
    auto there = far.Until(is_it);
    ASSERT_TRUE(here.has_value() && there.has_value());
    EXPECT_EQ(there->origin().monitor(), "procmond");
    EXPECT_EQ(there->origin().sequence(), here->sequence());
    here->clear_sequence();
    there->clear_sequence();
    EXPECT_TRUE(MessageDifferencer::Equals(*here, *there)) << here->ShortDebugString() << "\n"
                                                           << there->ShortDebugString();
    child.reset();
  }
}

TEST_F(GatewayTest, ItsSnapshotIsThatOfTheMonitor) {
  const auto procmond = StartProcmond(monitor_);
  // At once, so that it may find the monitor at its first scan.
  const auto gateway = StartGateway("g", monitor_);
  procmond->Ready();
  gateway->Ready();
  EventStream stream = Client(gateway->address()).StreamEvents(SnapshotOnly());
  const auto events = stream.Rest();
  ASSERT_TRUE(IsSnapshotComplete(events.back()));
  const v1::SnapshotComplete& complete = events.back().control().snapshot_complete();
  EXPECT_THAT(complete.missing_monitors(), IsEmpty());
  const auto init = std::ranges::find_if(
      events, [](const v1::CollectionEvent& event) { return event.process().pid() == 1; });
  ASSERT_NE(init, events.end()) << "process 1 is missing of " << complete.count();
  EXPECT_EQ(init->origin().monitor(), "procmond");
}

TEST_F(GatewayTest, AMonitorThatIsNotThereYetIsDialledUntilItIs) {
  const auto gateway = StartGateway("g", monitor_);
  ASSERT_TRUE(gateway->AwaitLine({"monitor link", "state=RETRYING"}).has_value());
  EXPECT_EQ(Client(gateway->address()).Health("readiness"), "NOT_SERVING");
  EXPECT_EQ(Client(gateway->address()).Health("liveness"), "SERVING");
  EventStream before = Client(gateway->address()).StreamEvents(SnapshotOnly());
  const auto complete = before.Until(IsSnapshotComplete);
  ASSERT_TRUE(complete.has_value());
  EXPECT_THAT(complete->control().snapshot_complete().missing_monitors(), ElementsAre(monitor_));

  const auto procmond = StartProcmond(monitor_);
  gateway->Ready();
  EXPECT_EQ(Links(*gateway)[monitor_].state(), v1::MONITOR_STATE_STREAMING);
}

TEST_F(GatewayTest, AKilledMonitorIsStreamedAgainWithinTenSecondsAndListed) {
  auto procmond = StartProcmond(monitor_);
  const auto gateway = StartGateway("g", monitor_);
  gateway->Ready();
  ASSERT_TRUE(gateway->AwaitLine({"monitor link", "state=STREAMING"}).has_value());
  EventStream stream = Client(gateway->address()).StreamEvents({});
  const auto first =
      stream.Until([](const v1::CollectionEvent& event) { return event.process().pid() == 1; });
  ASSERT_TRUE(first.has_value());

  procmond->Kill();
  ASSERT_TRUE(gateway->AwaitLine({"monitor link", "state=RETRYING"}).has_value());
  const v1::MonitorLink lost = Links(*gateway)[monitor_];
  EXPECT_THAT(lost.last_error(), Not(IsEmpty()));
  EXPECT_THAT(lost.name(), testing::StartsWith("procmond@"));

  const absl::Time back = absl::Now();
  procmond = StartProcmond(monitor_);  // takes over the socket that the killed one left
  ASSERT_TRUE(
      gateway->AwaitLine({"monitor link", "state=STREAMING"}, absl::Seconds(10)).has_value());
  EXPECT_LT(absl::Now() - back, absl::Seconds(10));
  const v1::MonitorLink link = Links(*gateway)[monitor_];
  EXPECT_EQ(link.state(), v1::MONITOR_STATE_STREAMING);
  EXPECT_GE(link.reconnects(), 1u);
  EXPECT_NE(link.position().stream_id(), first->origin().stream_id());
  EXPECT_THAT(link.caps(), Contains(v1::SOURCE_CAP_PROCESS));

  // The stream that was open all the time goes on with the new publisher's events.
  TestChild child(TestChild::ProgramPath());
  const auto start = stream.Until([&](const v1::CollectionEvent& event) {
    return event.process().pid() == static_cast<uint32_t>(child.pid());
  });
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->origin().stream_id(), link.position().stream_id());
  EventStream again = Client(gateway->address()).StreamEvents(SnapshotOnly());
  EXPECT_GT(KeysOf(again.Rest()).size(), 5u) << "the state of the new log is whole";
}

TEST_F(GatewayTest, AKilledGatewayIsBackWithinTenSecondsWithoutAHole) {
  const auto procmond = StartProcmond(monitor_);
  procmond->Ready();
  auto gateway = StartGateway("g", monitor_);
  gateway->Ready();
  EventStream before = Client(gateway->address()).StreamEvents({});
  const auto opened = before.Next();
  ASSERT_TRUE(opened.has_value());
  before.Until(IsSnapshotComplete);
  TestChild early(TestChild::ProgramPath());
  const auto last = before.Until([&](const v1::CollectionEvent& event) {
    return event.process().pid() == static_cast<uint32_t>(early.pid());
  });
  ASSERT_TRUE(last.has_value());

  const absl::Time killed = absl::Now();
  gateway->Kill();
  TestChild meanwhile(TestChild::ProgramPath());
  gateway = StartGateway("g", monitor_);
  gateway->Ready();
  EXPECT_LT(absl::Now() - killed, absl::Seconds(10));
  EXPECT_EQ(Links(*gateway)[monitor_].state(), v1::MONITOR_STATE_STREAMING);

  v1::StreamEventsRequest resume;
  resume.mutable_resume()->set_stream_id(opened->control().stream_started().stream_id());
  resume.mutable_resume()->set_after_sequence(last->sequence());
  resume.set_include_snapshot(false);
  *resume.mutable_filter() = testing_support::EveryEvent();
  resume.mutable_filter()->set_own(true);
  EventStream after = Client(gateway->address()).StreamEvents(resume);
  const auto reopened = after.Next();
  ASSERT_TRUE(reopened.has_value());
  EXPECT_FALSE(reopened->control().stream_started().resumed()) << "it is another log";
  // Every position of the monitor's log from the beginning: some are seen again, none is missing.
  uint64_t next = 1;
  after.Until([&](const v1::CollectionEvent& event) {
    if (event.sequence() == 0) return false;
    EXPECT_EQ(event.origin().sequence(), next) << event.ShortDebugString();
    ++next;
    return event.process().pid() == static_cast<uint32_t>(meanwhile.pid()) ||
           ::testing::Test::HasFailure();
  });
  EXPECT_GT(next, last->origin().sequence());
}

TEST_F(GatewayTest, ANameIsResolvedIntoALinkAnAddress) {
  const auto procmond = StartProcmond("127.0.0.1:0");
  procmond->Ready();
  const std::string port = procmond->address().substr(procmond->address().rfind(':'));
  const auto gateway = StartGateway("g", "dns:///localhost" + port);
  gateway->Ready();
  int streaming = 0;
  for (const auto& [address, link] : Links(*gateway)) {
    EXPECT_THAT(address, HasSubstr("dns:///localhost" + port));
    streaming += link.state() == v1::MONITOR_STATE_STREAMING;
  }
  EXPECT_EQ(streaming, 1);
}

TEST_F(GatewayTest, TheSecondLinkToOneMonitorIsADuplicateAndItsEventsComeOnce) {
  const auto procmond = StartProcmond(monitor_ + ",127.0.0.1:0");
  procmond->Ready();
  const auto tcp = procmond->AwaitLine({"listening address=127.0.0.1:"});
  ASSERT_TRUE(tcp.has_value());
  const std::string second = tcp->substr(tcp->find("127.0.0.1:"));
  const auto gateway = StartGateway("g", monitor_ + "," + second);
  gateway->Ready();
  ASSERT_TRUE(gateway->AwaitLine({"monitor link", "state=DUPLICATE"}).has_value());
  auto links = Links(*gateway);
  EXPECT_NE(links[monitor_].state(), links[second].state());

  EventStream stream = Client(gateway->address()).StreamEvents({});
  stream.Until(IsSnapshotComplete);
  TestChild child(TestChild::ProgramPath());
  std::set<uint64_t> origins;
  stream.Until([&](const v1::CollectionEvent& event) {
    if (event.sequence() != 0) {
      EXPECT_TRUE(origins.insert(event.origin().sequence()).second);
    }
    return event.process().pid() == static_cast<uint32_t>(child.pid());
  });
}

TEST_F(GatewayTest, TwoHopsLeaveTheOriginAlone) {
  const auto procmond = StartProcmond(monitor_);
  const auto middle = StartGateway("m", monitor_);
  middle->Ready();
  const auto top = StartGateway("t", directory_.Socket("m"));
  top->Ready();
  EventStream stream = Client(top->address()).StreamEvents({});
  const auto snapshot =
      stream.Until([](const v1::CollectionEvent& event) { return event.process().pid() == 1; });
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_EQ(snapshot->origin().monitor(), "procmond");
  stream.Until(IsSnapshotComplete);
  TestChild child(TestChild::ProgramPath());
  const auto start = stream.Until([&](const v1::CollectionEvent& event) {
    return event.process().pid() == static_cast<uint32_t>(child.pid());
  });
  ASSERT_TRUE(start.has_value());
  const auto below = Client(procmond->address()).Negotiate();
  ASSERT_TRUE(below.ok());
  EXPECT_EQ(start->origin().stream_id(), below->stream_id());
  EXPECT_GT(start->origin().sequence(), 0u);
  const auto negotiated = Client(top->address()).Negotiate();
  ASSERT_TRUE(negotiated.ok());
  EXPECT_EQ(negotiated->via_size(), 2) << negotiated->ShortDebugString();
}

TEST_F(GatewayTest, AGatewayAboveShowsTheMonitorsOfNowWhateverCameFirst) {
  const auto top = StartGateway("t", directory_.Socket("m"));
  const auto middle = StartGateway("m", monitor_);
  top->Ready();
  for (int run = 0; run < 2; ++run) {
    const auto procmond = StartProcmond(monitor_);
    ASSERT_TRUE(middle->AwaitLine({"monitor link", "state=STREAMING"}).has_value());
    const auto log = Client(procmond->address()).Negotiate();
    ASSERT_TRUE(log.ok());
    // Told in streams as they are; the one above takes the new state over when it hears of it.
    EventStream stream = Client(top->address()).StreamEvents({});
    TestChild child(TestChild::ProgramPath());
    stream.Until([&](const v1::CollectionEvent& event) {
      return event.process().pid() == static_cast<uint32_t>(child.pid());
    });
    EventStream above = Client(top->address()).StreamEvents(SnapshotOnly());
    std::map<std::string, int> counts;
    for (const v1::CollectionEvent& event : above.Rest()) {
      if (event.has_process()) ++counts[event.origin().stream_id()];
    }
    EXPECT_EQ(counts.size(), 1u) << "nothing is left of the log before";
    EXPECT_GT(counts[log->stream_id()], 5);
  }
}

TEST_F(GatewayTest, GatewaysInACircleSayLoopAndGoOn) {
  const auto procmond = StartProcmond(monitor_);
  const auto one = StartGateway("1", fmt::format("{},{}", monitor_, directory_.Socket("2")));
  one->Ready();
  const auto two = StartGateway("2", directory_.Socket("1"));
  two->Ready();
  ASSERT_TRUE(one->AwaitLine({"monitor link", "state=LOOP"}).has_value());
  auto links = Links(*one);
  EXPECT_EQ(links[directory_.Socket("2")].state(), v1::MONITOR_STATE_LOOP);
  EXPECT_EQ(links[monitor_].state(), v1::MONITOR_STATE_STREAMING);
  EXPECT_EQ(Links(*two)[directory_.Socket("1")].state(), v1::MONITOR_STATE_STREAMING);
}

TEST_F(GatewayTest, TasksGoToTheMonitorsThatCanDoThem) {
  const auto procmond = StartProcmond(monitor_);
  const auto gateway = StartGateway("g", monitor_);
  procmond->Ready();
  gateway->Ready();
  const Client client(gateway->address());
  TestChild child(TestChild::ProgramPath());
  const std::string name = Links(*gateway)[monitor_].name();

  v1::ExecuteTaskRequest task;
  task.set_task_id("t");
  task.set_type(v1::TASK_TYPE_ENUMERATE_PROCESSES);
  auto answer = client.ExecuteTask(task);
  ASSERT_EQ(answer.status, absl::OkStatus());
  EXPECT_GT(answer.records.size(), 5u);
  ASSERT_TRUE(answer.summary.has_value());
  EXPECT_EQ(answer.summary->records(), answer.records.size());
  ASSERT_EQ(answer.summary->monitors_size(), 1);
  EXPECT_EQ(answer.summary->monitors(0).monitor(), name);
  EXPECT_THAT(answer.summary->completeness().reasons(), Each(HasSubstr(kMayNotBeLookedAt)));

  task.set_type(v1::TASK_TYPE_CHECK_PROCESS_HASH);
  task.mutable_filter()->add_pids(static_cast<uint32_t>(child.pid()));
  task.add_monitors(name);
  answer = client.ExecuteTask(task);
  ASSERT_EQ(answer.status, absl::OkStatus());
  ASSERT_EQ(answer.records.size(), 1u);
  EXPECT_EQ(answer.records[0].process().executable_hash().size(), 64u);
  EXPECT_EQ(answer.records[0].origin().monitor(), "procmond");

  task.set_monitors(0, "netmond@nowhere");
  answer = client.ExecuteTask(task);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(answer.status.message()), HasSubstr("netmond@nowhere"));

  task.clear_monitors();
  task.set_type(v1::TASK_TYPE_MONITOR_NETWORK_CONNECTIONS);
  answer = client.ExecuteTask(task);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(answer.status.message()), HasSubstr("NETWORK"));
}

}  // namespace
}  // namespace daemoneye
