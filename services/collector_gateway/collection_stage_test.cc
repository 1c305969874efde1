#include "services/collector_gateway/collection_stage.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/mutex.h"
#include "libs/event_bus/local_event_bus.h"
#include "services/collector_gateway/fake_monitor.h"
#include "services/collector_gateway/gateway_backend.h"
#include "services/collector_gateway/stage_fixture.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Monitors on unix sockets, and the links of a gateway to them.
class CollectionStageTest : public ::testing::Test {
 protected:
  CollectionStageTest() {
    // Not the test's own directory: a socket's path has at most 107 bytes.
    char pattern[] = "/tmp/collect-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    options_.links.timing.min_backoff = absl::Milliseconds(10);
    options_.links.timing.max_backoff = absl::Milliseconds(50);
    options_.on_link_change = [this](const MonitorLink::Status&) {
      const base::MutexLock lock(mu_);
      changed_.NotifyAll();
    };
  }
  ~CollectionStageTest() override {
    backend_.reset();
    for (const auto& monitor : monitors_) monitor->Stop();
    std::filesystem::remove_all(directory_);
  }

  // A monitor `name` of host `host` that answers a task with records_ processes.
  FakeMonitor& Serve(const std::string& name, const std::string& host) {
    FakeMonitor& monitor = *monitors_.emplace_back(std::make_unique<FakeMonitor>());
    monitor.negotiation.set_monitor(name);
    monitor.negotiation.set_host(host);
    monitor.negotiation.set_stream_id(fmt::format("{}{}-1111-4111-8111-111111111111", host, name));
    monitor.task = [this, &monitor](const v1::ExecuteTaskRequest& request, const auto& write) {
      {
        const base::MutexLock lock(mu_);
        asked_.emplace_back(monitor.negotiation.monitor() + "@" + monitor.negotiation.host(),
                            request);
      }
      v1::ExecuteTaskResponse response;
      for (uint32_t i = 0; i < records_; ++i) {
        *response.mutable_record() = monitor.Start(i + 1, i + 7);
        response.mutable_record()->mutable_process()->add_command_line(std::string(padding_, 'x'));
        write(response);
      }
      response.mutable_summary()->set_records(records_);
      response.mutable_summary()->mutable_completeness()->set_complete(true);
      write(response);
      return grpc::Status::OK;
    };
    monitor.Start(directory_ + "/" + name + host);
    return monitor;
  }

  // Dials `names` and waits until `streaming` of them stream.
  void Dial(const std::vector<std::string>& names, size_t streaming) {
    std::vector<MonitorAddress> addresses;
    for (const std::string& name : names) {
      addresses.push_back(*ParseMonitorAddress("unix://" + directory_ + "/" + name));
    }
    backend_.emplace(std::move(addresses), bus_, base::Clock::Real(), options_);
    backend_->Start();
    AwaitStreaming(streaming);
  }
  void AwaitStreaming(size_t count) {
    const base::MutexLock lock(mu_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (Streaming() != count) {
      if (!changed_.WaitUntil(mu_, deadline)) {
        ADD_FAILURE() << Streaming() << " links stream";
        return;
      }
    }
  }
  size_t Streaming() const {
    size_t count = 0;
    for (const MonitorLink::Status& link : backend_->links().statuses()) {
      count += link.state == v1::MONITOR_STATE_STREAMING ? 1 : 0;
    }
    return count;
  }

  absl::StatusOr<v1::AnalysisResult> Run(const std::string& execution,
                                         const std::string& config = "") {
    CollectionStage stage(stages_, backend_->links());
    return OutcomeOf(stage, WorkOf(fmt::format(
                                "id: 'e' {} workflow {{ stages {{ id: 'collect' kind: "
                                "WORKFLOW_STAGE_KIND_COLLECTION collection {{ {} }} }} }} stages "
                                "{{ stage_id: 'collect' }}",
                                execution, config)))
        .result;
  }
  std::vector<std::string> Asked() {
    const base::MutexLock lock(mu_);
    std::vector<std::string> names;
    for (const auto& [name, request] : asked_) names.push_back(name);
    std::ranges::sort(names);
    return names;
  }
  v1::ExecuteTaskRequest LastRequest() {
    const base::MutexLock lock(mu_);
    return asked_.back().second;
  }
  static double Number(const v1::AnalysisResult& result, const std::string& name) {
    return result.result().fields().at(name).number_value();
  }

  std::string directory_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<std::pair<std::string, v1::ExecuteTaskRequest>> asked_ GUARDED_BY(mu_);
  // Of the task that hangs until there is an outcome.
  bool hangs_ GUARDED_BY(mu_) = false;
  std::optional<absl::Status> outcome_ GUARDED_BY(mu_);
  uint32_t records_ = 1;
  size_t padding_ = 1;  // of a record, bytes
  std::vector<std::unique_ptr<FakeMonitor>> monitors_;
  event_bus::LocalEventBus bus_{{}, base::Clock::Real()};
  GatewayBackend::Options options_;
  std::optional<GatewayBackend> backend_;
  BlockingStages stages_{{.name = "collect", .threads = 2}, base::Clock::Real()};
};

constexpr char kOnA[] =
    "target { process_key: 'key-7' pid: 7 host: 'a' } event { origin { monitor: 'procmond' host: "
    "'a' stream_id: 'aprocmond-1111-4111-8111-111111111111' sequence: 3 } process { pid: 7 } }";

TEST_F(CollectionStageTest, AsksTheMonitorThatTheEventCameFromForTheTarget) {
  Serve("procmond", "a");
  Serve("procmond", "b");
  Dial({"procmonda", "procmondb"}, 2);
  const auto result = Run(kOnA);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Asked(), ElementsAre("procmond@a"));
  const v1::ExecuteTaskRequest request = LastRequest();
  EXPECT_EQ(request.type(), v1::TASK_TYPE_ENUMERATE_PROCESSES);
  EXPECT_THAT(request.filter().process_keys(), ElementsAre("key-7"));
  EXPECT_EQ(Number(*result, "read"), 1);
  EXPECT_EQ(Number(*result, "total"), 1);
  const Struct& record =
      result->result().fields().at("records").list_value().values(0).struct_value();
  EXPECT_EQ(record.fields().at("pid").number_value(), 7);
  EXPECT_EQ(TextOf(record, "name"), "fake");
  EXPECT_EQ(TextOf(record, "host"), "a");
  EXPECT_EQ(TextOf(record, "monitor"), "procmond");
  EXPECT_TRUE(result->completeness().complete());
  EXPECT_TRUE(result->authoritative());
  ASSERT_EQ(result->evidence_size(), 1);
  EXPECT_EQ(result->evidence(0).sequence(), 1u);
}

TEST_F(CollectionStageTest, FindsTheMonitorAlsoWhenItBeganAgainAndBehindAGateway) {
  FakeMonitor& gateway = Serve("collector-gateway", "zone");
  gateway.negotiation.add_via(gateway.negotiation.stream_id());
  v1::Publisher& below = *gateway.negotiation.add_origins();
  below.set_monitor("procmond");
  below.set_host("a");
  below.set_stream_id("99999999-1111-4111-8111-111111111111");  // not that of the event any more
  Serve("procmond", "b");
  Dial({"collector-gatewayzone", "procmondb"}, 2);
  // What the gateway tells is its monitor's.
  gateway.task = [&](const v1::ExecuteTaskRequest&, const auto& write) {
    v1::ExecuteTaskResponse response;
    *response.mutable_record() = gateway.Start(1, 7);
    v1::Origin& origin = *response.mutable_record()->mutable_origin();
    origin.set_monitor(below.monitor());
    origin.set_host(below.host());
    origin.set_stream_id(below.stream_id());
    write(response);
    response.mutable_summary()->mutable_completeness()->set_complete(true);
    write(response);
    return grpc::Status::OK;
  };
  const auto result = Run(kOnA);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Asked(), ElementsAre()) << "procmond@b was not";
  EXPECT_EQ(Number(*result, "read"), 1) << result->ShortDebugString();
  EXPECT_EQ(
      TextOf(result->result().fields().at("records").list_value().values(0).struct_value(), "host"),
      "a");
}

TEST_F(CollectionStageTest, WithoutAnEventAsksTheMonitorsOfTheHostElseAll) {
  Serve("procmond", "a");
  Serve("procmond", "b");
  FakeMonitor& other = Serve("netmond", "a");
  other.Stop();
  other.negotiation.clear_granted_caps();
  other.negotiation.add_granted_caps(v1::SOURCE_CAP_NETWORK);
  other.Start(directory_ + "/netmonda");
  Dial({"procmonda", "procmondb", "netmonda"}, 3);
  ASSERT_TRUE(Run("target { pid: 7 host: 'b' }").ok());
  EXPECT_THAT(Asked(), ElementsAre("procmond@b"));
  EXPECT_THAT(LastRequest().filter().pids(), ElementsAre(7));
  EXPECT_THAT(LastRequest().filter().hosts(), ElementsAre("b"));
  ASSERT_TRUE(Run("target { path: '/tmp/a*b' }").ok());
  EXPECT_THAT(Asked(), ElementsAre("procmond@a", "procmond@b", "procmond@b"));
  EXPECT_THAT(LastRequest().filter().paths(), ElementsAre("/tmp/a[*]b")) << "a path is no pattern";
}

TEST_F(CollectionStageTest, AsksThoseThatAreNamedWithTheFilterThatIsGiven) {
  Serve("procmond", "a");
  Serve("procmond", "b");
  Dial({"procmonda", "procmondb"}, 2);
  ASSERT_TRUE(Run(kOnA,
                  "monitors: 'procmond@b' task_type: TASK_TYPE_CHECK_PROCESS_HASH filter { "
                  "names: 'ssh*' }")
                  .ok());
  EXPECT_THAT(Asked(), ElementsAre("procmond@b"));
  EXPECT_EQ(LastRequest().type(), v1::TASK_TYPE_CHECK_PROCESS_HASH);
  EXPECT_THAT(LastRequest().filter().names(), ElementsAre("ssh*"));
  EXPECT_EQ(LastRequest().filter().process_keys_size(), 0);
  const absl::Status unknown = Run(kOnA, "monitors: 'procmond@c'").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(unknown)) << unknown;
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("procmond@c"));
}

TEST_F(CollectionStageTest, AMonitorThatIsAwayIsTriedAgainOneOfSeveralMakesItIncomplete) {
  Serve("procmond", "a");
  FakeMonitor& away = Serve("procmond", "b");
  Dial({"procmonda", "procmondb"}, 2);
  away.Stop();
  AwaitStreaming(1);
  const absl::Status alone = Run("target { pid: 7 }", "monitors: 'procmond@b'").status();
  EXPECT_TRUE(absl::IsUnavailable(alone)) << alone;
  const auto both = Run("target { pid: 7 }");
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(Number(*both, "read"), 1);
  EXPECT_FALSE(both->completeness().complete());
  EXPECT_THAT(both->completeness().reasons(0), HasSubstr("procmond@b"));
  EXPECT_FALSE(both->authoritative());
}

TEST_F(CollectionStageTest, WhatNobodyCanDoIsNotTriedAgainWhoHasNotAnsweredYetIs) {
  Serve("procmond", "a").task = nullptr;
  Dial({"procmonda"}, 1);
  const absl::Status nobody =
      Run(kOnA, "task_type: TASK_TYPE_MONITOR_NETWORK_CONNECTIONS").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(nobody)) << nobody;
  EXPECT_THAT(std::string(nobody.message()), HasSubstr("SOURCE_CAP_NETWORK"));
  const absl::Status no_tasks = Run(kOnA).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(no_tasks)) << no_tasks;
  EXPECT_THAT(std::string(no_tasks.message()), HasSubstr("UNIMPLEMENTED"));
  backend_.reset();
  Dial({"nobody"}, 0);
  EXPECT_TRUE(absl::IsUnavailable(Run(kOnA).status())) << "it may be the one";
}

TEST_F(CollectionStageTest, KeepsSoManyRecordsAndWhatFits) {
  records_ = 300;
  Serve("procmond", "a");
  Dial({"procmonda"}, 1);
  const auto preset = Run(kOnA);
  ASSERT_TRUE(preset.ok()) << preset.status();
  EXPECT_EQ(Number(*preset, "read"), 100);
  EXPECT_EQ(Number(*preset, "total"), 300);
  const auto three = Run(kOnA, "max_records: 3");
  ASSERT_TRUE(three.ok()) << three.status();
  EXPECT_EQ(Number(*three, "read"), 3);
  records_ = 55;
  padding_ = 1'000;
  // OutcomeOf checks the bounds.
  const auto large = Run(kOnA, "max_records: 1000");
  ASSERT_TRUE(large.ok()) << large.status();
  EXPECT_LT(Number(*large, "read"), 50);
  EXPECT_EQ(Number(*large, "total"), 55);
  EXPECT_THAT(large->completeness().reasons(0), HasSubstr("of 55 records fit"));
  EXPECT_EQ(large->evidence_size(), 16);
}

TEST_F(CollectionStageTest, CancelEndsATaskThatHangs) {
  FakeMonitor& monitor = Serve("procmond", "a");
  monitor.task = [this](const v1::ExecuteTaskRequest&, const auto&) {
    const base::MutexLock lock(mu_);
    hangs_ = true;
    changed_.NotifyAll();
    while (!outcome_.has_value()) changed_.Wait(mu_);
    return grpc::Status::OK;
  };
  Dial({"procmonda"}, 1);
  CollectionStage stage(stages_, backend_->links());
  const analysis::Begun begun = stage.Begin(
      WorkOf(std::string(kOnA) + " workflow { stages { id: 'c' } } stages { stage_id: 'c' }"),
      [&](const analysis::StageOutcome& outcome) {
        const base::MutexLock lock(mu_);
        outcome_ = outcome.result.status();
        changed_.NotifyAll();
      });
  {
    const base::MutexLock lock(mu_);
    while (!hangs_) changed_.Wait(mu_);
  }
  begun.call->Cancel();
  const base::MutexLock lock(mu_);
  while (!outcome_.has_value()) changed_.Wait(mu_);
  EXPECT_TRUE(absl::IsCancelled(*outcome_)) << *outcome_;
}

}  // namespace
}  // namespace daemoneye::gateway
