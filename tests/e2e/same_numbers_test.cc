// What triggers match live, what their statistics say and what a back-test over the same stored
// events finds is the same, in a real gateway: also with exceptions, over windows, over requests
// that triggers made, and after the gateway was killed and started again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "services/collector_gateway/fake_monitor.h"
#include "tests/e2e/triggers_fixture.h"

namespace daemoneye {
namespace {

using base::MutexLock;
using base::operator+;
using gateway::FakeMonitor;
using google::protobuf::util::TimeUtil;
using testing_support::SqlTrigger;

constexpr char kQuiet[] = "default_triggers: false\n";
constexpr absl::Duration kAskAgain = absl::Milliseconds(20);
constexpr absl::Duration kHeartbeat = absl::Seconds(2);
constexpr absl::Duration kPatience = absl::Seconds(30);

class SameNumbersTest : public testing_support::TriggersFixture {
 protected:
  SameNumbersTest() {
    monitor_.has_batches = false;
    monitor_.snapshot = [this](const v1::StreamEventsRequest&) {
      return FakeMonitor::Script{.events = {monitor_.Started(false, 1), monitor_.Complete(0)},
                                 .ends = true};
    };
    monitor_.live = [this](const v1::StreamEventsRequest& request) {
      const uint64_t next = request.resume().after_sequence() + 1;
      return FakeMonitor::Script{
          .events = {monitor_.Started(true, next)},
          .more = [this, at = std::make_shared<uint64_t>(next)] { return NextEvent(*at); }};
    };
    monitor_.Start(directory_.File("m"));
    StartGateway(directory_.Socket("m"), kQuiet);
    triggers_ = {
        SqlTrigger("plain", "name = 'nc'"),
        SqlTrigger("pattern", "name LIKE 'N%' AND command_line REGEXP 'x[0-4]$'"),
        SqlTrigger("excepted", "name IN ('nc', 'sh')"),
        SqlTrigger("requests", "SELECT * FROM trigger_events WHERE trigger_id = 'plain'"),
        SqlTrigger("window",
                   "SELECT parent_key, count(*) AS n FROM process_events WHERE action = 'START' "
                   "GROUP BY parent_key HAVING count(*) > 20",
                   absl::Seconds(10)),
    };
    triggers_[2].add_exceptions("pid % 2 = 0");
    triggers_[4].mutable_condition()->set_key("parent_key");
  }
  ~SameNumbersTest() override { EndMonitor(); }

  void EndMonitor() {
    {
      const MutexLock lock(mu_);
      is_ended_ = true;
      changed_.NotifyAll();
    }
    monitor_.Stop();
  }

  // The event of the next sequence, once there is one, or that the monitor lives; nullopt when the
  // test ends.
  std::optional<v1::CollectionEvent> NextEvent(uint64_t& next) {
    const base::Monotonic heartbeat = base::Clock::Real().MonotonicNow() + kHeartbeat;
    const MutexLock lock(mu_);
    while (!is_ended_ && log_.size() < next) {
      if (base::Clock::Real().WaitUntil(changed_, mu_, heartbeat)) continue;
      v1::CollectionEvent event;
      event.mutable_control()->mutable_heartbeat()->set_sequence(next - 1);
      return event;
    }
    if (log_.size() < next) return std::nullopt;
    return log_[next++ - 1];
  }

  // `count` starts by `parent`, told `lateness` after they happened.
  void Happen(int count, const std::string& parent, absl::Duration lateness = {}) {
    const MutexLock lock(mu_);
    for (int i = 0; i < count; ++i) {
      const uint64_t sequence = log_.size() + 1;
      v1::CollectionEvent event = monitor_.Start(sequence, static_cast<uint32_t>(sequence));
      *event.mutable_event_time() =
          TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(absl::Now() - lateness));
      constexpr const char* kNames[] = {"nc", "sh", "nginx", "cat"};
      event.mutable_process()->set_name(kNames[sequence % 4]);
      event.mutable_process()->set_parent_key(parent);
      event.mutable_process()->add_command_line(fmt::format("x{}", sequence % 10));
      log_.push_back(std::move(event));
    }
    changed_.NotifyAll();
  }

  // Waits until a question, asked again and again, is answered so.
  void AwaitThat(const std::function<bool()>& holds) {
    const absl::Time end = absl::Now() + kPatience;
    while (!holds() && absl::Now() < end) absl::SleepFor(kAskAgain);
    EXPECT_TRUE(holds());
  }

  // Holds statistics against back-tests from `since` on, where `events` were seen and windows
  // matched `windows` times.
  void ExpectTheSame(absl::Time since, uint64_t events, uint64_t windows) {
    AwaitThat([&] {
      return StatisticsOf("plain").evaluated() >= events &&
             StatisticsOf("requests").matched() >= StatisticsOf("plain").accepted() &&
             StatisticsOf("window").matched() >= windows;
    });
    // The window that a match would come with has passed, too.
    const absl::Time later = absl::Now() + absl::Seconds(2);
    AwaitThat([&] { return absl::Now() > later; });
    for (const v1::Trigger& trigger : triggers_) {
      SCOPED_TRACE(trigger.id());
      const v1::TriggerStatistics live = StatisticsOf(trigger.id());
      absl::StatusOr<v1::BackTestTriggerResponse> test;
      AwaitThat([&] {  // until the last of them is stored
        test = BackTest(trigger, since);
        return test.ok() && test->evaluated() >= live.evaluated();
      });
      ASSERT_TRUE(test.ok()) << test.status();
      EXPECT_EQ(test->matched(), live.matched());
      EXPECT_EQ(test->evaluated(), live.evaluated());
      EXPECT_FALSE(test->approximate());
      const auto excepted = live.suppressed().find("excepted");
      EXPECT_EQ(test->excepted(), excepted == live.suppressed().end() ? 0 : excepted->second);
      EXPECT_GT(live.matched(), 0u) << "it would prove little";
      uint64_t suppressed = 0;
      for (const auto& [cause, count] : live.suppressed()) {
        if (cause != "excepted") suppressed += count;
      }
      EXPECT_EQ(live.accepted() + suppressed, live.matched());
    }
    EXPECT_EQ(StatisticsOf("plain").evaluated(), events);
    EXPECT_EQ(StatisticsOf("window").matched(), windows);
  }

  FakeMonitor monitor_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<v1::CollectionEvent> log_ GUARDED_BY(mu_);
  bool is_ended_ GUARDED_BY(mu_) = false;
  std::vector<v1::Trigger> triggers_;
};

TEST_F(SameNumbersTest, LiveStatisticsAndBackTestAgreeAlsoOverWindowsAndAfterARestart) {
  for (const v1::Trigger& trigger : triggers_) {
    const auto created = Create(trigger);
    ASSERT_TRUE(created.ok()) << created.status();
  }
  Happen(200, "many");
  Happen(20, "too-few");
  Happen(25, "late", absl::Seconds(4));
  // Seen so late that no window ever held them all.
  Happen(25, "too-late", absl::Seconds(60));
  ExpectTheSame(absl::Now() - absl::Hours(1), 270, 2);
  AwaitThat([&] { return Query("SELECT count(*) FROM process_events") == "270\n"; });

  gateway_->Kill();
  gateway_.reset();
  monitor_.negotiation.set_next_sequence(271);
  const absl::Time restart = absl::Now();
  StartGateway(directory_.Socket("m"), kQuiet);
  Happen(100, "again");
  // Nothing comes twice: the gateway goes on behind what it has stored.
  ExpectTheSame(restart, 100, 1);
  EXPECT_EQ(Query("SELECT count(*) FROM process_events"), "370\n");

  // What is missing is told with the numbers.
  EndMonitor();
  AwaitThat([&] {
    const auto test = BackTest(triggers_[0], restart);
    return test.ok() && !test->completeness().complete() && test->completeness().reasons_size() > 0;
  });
}

}  // namespace
}  // namespace daemoneye
