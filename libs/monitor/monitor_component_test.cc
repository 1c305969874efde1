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

class MonitorComponentTest : public ::testing::Test {
 protected:
  MonitorComponentTest() {
    MonitorParts parts;
    parts.sources.push_back(collector::MakeFakeEventSource(source_));
    auto component = MonitorComponent::Create(
        ComponentContext{.config = config_,
                         .metrics = registry_,
                         .bus = bus_,
                         .clock = clock_,
                         .publisher = {},
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

TEST_F(MonitorComponentTest, AMonitorThatEndsBeforeItHasStartedLetsEverybodyGo) {
  auto refreshed = Refresh(absl::Seconds(5));
  EXPECT_TRUE(component_->Stop().ok());
  refreshed.get().IgnoreError();
}

}  // namespace
}  // namespace daemoneye::monitor
