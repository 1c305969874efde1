#include "libs/monitor/monitor_component.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "libs/collector/fake_event_source.h"
#include "libs/config/collector_options.h"
#include "libs/config/common_options.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::monitor {
namespace {

using base::operator+;
using collector::FakeCall;
using collector::FakeSourceScript;

config::Config DefaultConfig() {
  config::OptionTable table = config::CommonServerOptions({.component = "test"});
  table.Append(config::CollectorOptions("test"));
  return *config::Config::Load(table, {.args = {"--config="}, .environment = {}});
}

// Does its task to processes 1 to 3: a record of each that is selected, and one of its child.
class FakeTaskHandler final : public collector::TaskHandler {
 public:
  std::vector<v1::TaskType> types() const override { return {v1::TASK_TYPE_MONITOR_PROCESS_TREE}; }
  absl::Status Run(v1::TaskType, const Selects& selects, std::stop_token, const Emit& emit,
                   v1::Completeness*) override {
    for (uint32_t pid = 1; pid <= 3; ++pid) {
      event::Event record = collector::FakeProcessEvent(v1::PROCESS_ACTION_SNAPSHOT, pid);
      if (!selects(record)) continue;
      emit(record);
      emit(collector::FakeProcessEvent(v1::PROCESS_ACTION_SNAPSHOT, pid + 100));
    }
    return absl::OkStatus();
  }
};

class MonitorComponentTest : public ::testing::Test {
 protected:
  MonitorComponentTest() {
    MonitorParts parts;
    parts.sources.push_back(collector::MakeFakeEventSource(source_));
    parts.tasks.push_back(std::make_unique<FakeTaskHandler>());
    parts.unused_sources.push_back({"best", "cap_best is missing", true});
    parts.unused_sources.push_back({"other", "left out", false});
    parts.limits = {"cap_some is missing"};
    v1::Publisher publisher;
    publisher.set_monitor("test");
    publisher.set_host("here");
    auto component = MonitorComponent::Create(
        ComponentContext{.config = config_,
                         .metrics = registry_,
                         .bus = bus_,
                         .clock = clock_,
                         .publisher = publisher,
                         .fill_server_status = [](v1::GetStatusResponse&) {},
                         .on_readiness_changed = [] {}},
        std::move(parts));
    EXPECT_TRUE(component.ok()) << component.status();
    component_ = *std::move(component);
  }
  ~MonitorComponentTest() override { EXPECT_TRUE(component_->Stop().ok()); }

  std::future<absl::Status> Refresh(absl::Duration patience) {
    return std::async(std::launch::async, [this, patience] {
      return component_->backend().RefreshState(clock_.MonotonicNow() + patience);
    });
  }

  const config::Config config_ = DefaultConfig();
  base::Clock& clock_ = base::Clock::Real();
  metrics::Registry registry_;
  event_bus::LocalEventBus bus_{{}, clock_};
  FakeSourceScript source_{"one"};
  std::unique_ptr<Component> component_;
};

TEST_F(MonitorComponentTest, AStateAskedForWhileTheSourcesStartIsThatOfTheFirstObservation) {
  source_.OnStart([](collector::EventSink& sink) {
    event::EventList first;
    first.push_back(collector::FakeProcessEvent(v1::PROCESS_ACTION_SNAPSHOT, 7));
    EXPECT_TRUE(sink.Emit(std::move(first)).ok());
  });
  source_.Hang(FakeCall::kStart);
  auto refreshed = Refresh(absl::Seconds(5));
  auto started = std::async(std::launch::async, [this] { return component_->Start(); });
  source_.AwaitCalls(FakeCall::kStart, 1);
  EXPECT_EQ(refreshed.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  source_.Release(FakeCall::kStart);
  EXPECT_TRUE(started.get().ok());
  EXPECT_TRUE(refreshed.get().ok());
  const auto state = bus_.Snapshot({});
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->events.size(), 1u);
}

TEST_F(MonitorComponentTest, SourcesThatAreLeftOutAreToldBesideTheOthersAndWhy) {
  ASSERT_TRUE(component_->Start().ok());
  v1::GetStatusResponse status;
  component_->backend().FillStatus(status);
  ASSERT_EQ(status.sources_size(), 3);
  EXPECT_EQ(status.sources(0).state(), v1::SOURCE_STATE_RUNNING);
  EXPECT_EQ(status.sources(1).name(), "best");
  EXPECT_EQ(status.sources(1).state(), v1::SOURCE_STATE_UNUSED);
  EXPECT_EQ(status.sources(1).detail(), "cap_best is missing");
  EXPECT_EQ(status.sources(2).detail(), "left out");
  // Only what somebody wants and cannot have is a problem.
  ASSERT_EQ(status.problems_size(), 2);
  EXPECT_EQ(status.problems(0), "best: cap_best is missing");
  EXPECT_EQ(status.problems(1), "cap_some is missing");
}

TEST_F(MonitorComponentTest, AMonitorThatEndsBeforeItHasStartedLetsEverybodyGo) {
  auto refreshed = Refresh(absl::Seconds(5));
  EXPECT_TRUE(component_->Stop().ok());
  refreshed.get().IgnoreError();
}

TEST_F(MonitorComponentTest, ATaskIsDoneToWhatTheWholeFilterSelects) {
  v1::ExecuteTaskRequest request;
  request.set_type(v1::TASK_TYPE_MONITOR_PROCESS_TREE);
  request.mutable_filter()->add_monitors("test");
  request.mutable_filter()->set_sql("pid <> 2 AND host = 'here'");
  std::vector<uint32_t> pids;
  v1::TaskSummary summary;
  const auto emit = [&](const v1::CollectionEvent& record) {
    EXPECT_EQ(record.origin().host(), "here");
    pids.push_back(record.process().pid());
    return true;
  };
  ASSERT_TRUE(component_->backend().RunTask(request, {}, emit, summary).ok());
  EXPECT_THAT(pids, testing::ElementsAre(1, 101, 3, 103)) << "what else is told is the handler's";
  EXPECT_TRUE(summary.completeness().complete());

  pids.clear();
  request.mutable_filter()->add_hosts("there");
  ASSERT_TRUE(component_->backend().RunTask(request, {}, emit, summary).ok());
  EXPECT_THAT(pids, testing::IsEmpty());

  request.mutable_filter()->set_sql("no_such_column = 1");
  const absl::Status refused = component_->backend().RunTask(request, {}, emit, summary);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.ToString(), testing::HasSubstr("filter.sql"));
}

}  // namespace
}  // namespace daemoneye::monitor
