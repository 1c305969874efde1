#include "services/procmond/bus_canary_line.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "libs/base/clock.h"
#include "libs/event/event.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::procmond {
namespace {

constexpr uint32_t kPid = 4711;

class BusCanaryLineTest : public ::testing::Test {
 protected:
  static event_bus::LocalEventBusOptions SmallRing() {
    event_bus::LocalEventBusOptions options;
    options.ring_max_events = 64;
    return options;
  }

  void Publish(v1::ProcessAction action, uint32_t pid, bool is_own, const char* source) {
    event::EventList events;
    v1::CollectionEvent& event = events.emplace_back();
    event.set_source(source);
    event.mutable_process()->set_action(action);
    event.mutable_process()->set_pid(pid);
    event.mutable_process()->set_process_key(std::to_string(pid));
    if (is_own) event.mutable_process()->set_own(true);
    bus_.Publish(std::move(events));
  }
  void PublishExec(uint32_t pid) { Publish(v1::PROCESS_ACTION_EXEC, pid, true, "process-exec"); }

  std::unique_ptr<process::CanaryWatch> Watch() {
    auto watch = line_.Watch([this] { ++wakes_; });
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }

  std::atomic<int> wakes_ = 0;
  std::atomic<bool> is_told_ = true;
  uint32_t marked_ = 0;
  event_bus::LocalEventBus bus_{SmallRing(), base::Clock::Real()};
  BusCanaryLine line_{{.source = "process-exec",
                       .spawn_own =
                           [this](const BusCanaryLine::Spawner& spawn) {
                             auto pid = spawn();
                             marked_ = pid.value_or(0);
                             return pid;
                           },
                       .is_exec_told = [this] { return is_told_.load(); }},
                      *canary::Canary::Create(),
                      bus_,
                      base::Clock::Real()};
};

TEST_F(BusCanaryLineTest, FindsTheExecAndIsWokenForIt) {
  const auto watch = Watch();
  EXPECT_FALSE(*watch->HasCome(kPid));
  EXPECT_EQ(wakes_, 0);
  PublishExec(kPid);
  EXPECT_EQ(wakes_, 1);
  EXPECT_TRUE(*watch->HasCome(kPid));
  EXPECT_FALSE(*watch->HasCome(kPid + 1));
}

TEST_F(BusCanaryLineTest, FindsWhatCameBeforeItWasAskedFor) {
  const auto watch = Watch();
  PublishExec(kPid);
  EXPECT_TRUE(*watch->HasCome(kPid));
}

TEST_F(BusCanaryLineTest, NothingElseIsTheCanary) {
  PublishExec(kPid);  // before it listens
  const auto watch = Watch();
  Publish(v1::PROCESS_ACTION_START, kPid, true, "process-exec");
  Publish(v1::PROCESS_ACTION_EXEC, kPid, true, "process-scan");
  Publish(v1::PROCESS_ACTION_EXEC, kPid, false, "process-exec");
  PublishExec(kPid + 1);
  EXPECT_FALSE(*watch->HasCome(kPid));
}

TEST_F(BusCanaryLineTest, TellsWhetherAnythingElseOfTheSourceComes) {
  const auto watch = Watch();
  Publish(v1::PROCESS_ACTION_START, kPid, true, "process-exec");
  Publish(v1::PROCESS_ACTION_EXEC, kPid + 1, false, "process-scan");
  PublishExec(kPid);
  EXPECT_TRUE(*watch->HasCome(kPid));
  EXPECT_FALSE(watch->has_progress());
  Publish(v1::PROCESS_ACTION_STOP, kPid + 2, false, "process-exec");
  EXPECT_TRUE(*watch->HasCome(kPid));
  EXPECT_TRUE(watch->has_progress());
}

TEST_F(BusCanaryLineTest, WhereEventsFellOutOfTheRingNothingIsSaid) {
  const auto watch = Watch();
  for (uint32_t i = 0; i < 1000; ++i) {
    Publish(v1::PROCESS_ACTION_EXEC, 10'000 + i, false, "process-exec");
  }
  EXPECT_EQ(watch->HasCome(kPid).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(BusCanaryLineTest, AWatchThatIsGoneIsNotWoken) {
  auto watch = Watch();
  EXPECT_FALSE(*watch->HasCome(kPid));
  watch.reset();
  PublishExec(kPid);
  EXPECT_EQ(wakes_, 0);
  EXPECT_TRUE(bus_.statistics().subscribers.empty());
}

TEST_F(BusCanaryLineTest, StartsAChildThatIsMarkedAndReapsIt) {
  const auto canary = line_.Spawn();
  ASSERT_TRUE(canary.ok()) << canary.status();
  EXPECT_EQ(canary->pid, marked_);
  EXPECT_EQ(::kill(static_cast<pid_t>(canary->pid), 0), 0);
  line_.Reap();
  EXPECT_EQ(::kill(static_cast<pid_t>(canary->pid), 0), -1);
}

TEST_F(BusCanaryLineTest, IsClosedWhereThereIsNothingToBeSeen) {
  EXPECT_TRUE(line_.is_open());
  is_told_ = false;
  EXPECT_FALSE(line_.is_open());
  const BusCanaryLine none(
      {.source = "process-exec", .spawn_own = {}, .is_exec_told = [] { return true; }}, nullptr,
      bus_, base::Clock::Real());
  EXPECT_FALSE(none.is_open());
}

}  // namespace
}  // namespace daemoneye::procmond
