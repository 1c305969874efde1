// Queries as a stranger would attack with them, against the real gateway and a store with history:
// each is refused or cut off and named, and the stream beside it goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
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
using testing_support::Ended;
using testing_support::EventStream;
using testing_support::kEyectl;
using testing_support::kGateway;
using testing_support::kPatience;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::TempDirectory;
using base::operator+;

constexpr uint64_t kHistory = 20'000;
constexpr absl::Duration kPace = absl::Milliseconds(1);
// What a reader may notice, on a machine that does nothing else.
constexpr absl::Duration kMaxGap = absl::Milliseconds(250);
// How long to wait before asking again for what must come.
constexpr absl::Duration kAskAgain = absl::Milliseconds(100);

constexpr char kEndless[] =
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";

// The longest time between two arrivals.
class GapWatch {
 public:
  void Arrived() {
    const base::MutexLock lock(mu_);
    const absl::Time now = absl::Now();
    longest_ = std::max(longest_, now - last_);
    last_ = now;
    ++count_;
  }
  // Since the last call, the time that runs now included.
  absl::Duration Take() {
    const base::MutexLock lock(mu_);
    const absl::Duration taken = std::max(longest_, absl::Now() - last_);
    longest_ = absl::ZeroDuration();
    last_ = absl::Now();
    return taken;
  }
  uint64_t count() const {
    const base::MutexLock lock(mu_);
    return count_;
  }

 private:
  mutable base::Mutex mu_;
  absl::Time last_ GUARDED_BY(mu_) = absl::Now();
  absl::Duration longest_ GUARDED_BY(mu_);
  uint64_t count_ GUARDED_BY(mu_) = 0;
};

// A monitor with a past, and 1,000 events a second from then on.
class QueryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    monitor_.has_batches = false;
    monitor_.snapshot = [this](const v1::StreamEventsRequest&) {
      return FakeMonitor::Script{.events = {monitor_.Started(false, 1), monitor_.Complete(0)},
                                 .ends = true};
    };
    monitor_.live = [this](const v1::StreamEventsRequest&) {
      FakeMonitor::Script script{.events = {monitor_.Started(true, 1)},
                                 .more = [this] { return Next(); }};
      for (; sequence_ <= kHistory; ++sequence_) script.events.push_back(Event());
      due_ = base::Clock::Real().MonotonicNow();
      return script;
    };
    monitor_.Start(directory_.File("m"));
    gateway_ =
        std::make_unique<Server>(kGateway, directory_.Socket("g"),
                                 std::vector<std::string>{"--data_dir=" + directory_.File("data"),
                                                          "--monitors=" + directory_.Socket("m")});
    gateway_->Ready();
  }
  void TearDown() override {
    stop_.request_stop();
    gateway_.reset();
    monitor_.Stop();
  }

  v1::CollectionEvent Event() const {
    v1::CollectionEvent event = monitor_.Start(sequence_, static_cast<uint32_t>(sequence_));
    event.mutable_process()->set_name(fmt::format("name-{}", sequence_ % 100));
    event.mutable_process()->add_command_line(
        std::string(sequence_ % 1000 == 0 ? 60'000 : 20, 'a'));
    return event;
  }
  std::optional<v1::CollectionEvent> Next() {
    due_ = due_ + kPace;
    const absl::Duration left = base::Elapsed(base::Clock::Real().MonotonicNow(), due_);
    if (left > absl::ZeroDuration()) base::Clock::Real().SleepFor(left, stop_.get_token());
    if (stop_.stop_requested()) return std::nullopt;
    v1::CollectionEvent event = Event();
    ++sequence_;
    return event;
  }

  std::vector<std::string> QueryArgv(const std::string& sql, const std::string& timeout) const {
    return {kEyectl,  "query", "--address=" + gateway_->address(), "--timeout=" + timeout,
            "--json", sql};
  }
  Ended Query(const std::string& sql, const std::string& timeout = "20s") const {
    return RunToEnd({.argv = {kEyectl, "query", "--address=" + gateway_->address(),
                              "--timeout=" + timeout, "--json", sql}},
                    2 * kPatience);
  }
  // Asks until the output has `text`; the last output.
  std::string AwaitAnswer(const std::string& sql, const std::string& text) const {
    const absl::Time deadline = absl::Now() + kPatience;
    std::string output;
    while (output.find(text) == std::string::npos && absl::Now() < deadline) {
      output = Query(sql).output;
      absl::SleepFor(kAskAgain);
    }
    return output;
  }

  TempDirectory directory_;
  FakeMonitor monitor_;
  std::unique_ptr<Server> gateway_;
  std::stop_source stop_;
  uint64_t sequence_ = 1;
  base::Monotonic due_;
};

TEST_F(QueryTest, AnAttackIsRefusedOrCutOffAndTheStreamBesideItDoesNotStutter) {
  const std::string ready = fmt::format("SELECT count(*) >= {} AS b FROM process_events", kHistory);
  ASSERT_THAT(AwaitAnswer(ready, "\"b\":1"), HasSubstr("\"b\":1"));
  GapWatch gaps;
  const Client client(gateway_->address());
  EventStream stream = client.StreamEvents(testing_support::LiveOnly(), 4 * kPatience);
  base::Thread reader("reader", [&](std::stop_token) {
    while (stream.Next().has_value()) gaps.Arrived();
  });
  while (gaps.count() < 100) absl::SleepFor(kAskAgain);
  gaps.Take();
  absl::SleepFor(absl::Seconds(2));
  const absl::Duration quiet = gaps.Take();

  struct Case {
    std::string sql;
    const char* told;
    // Those that are cut off by their size are given the time that an instrumented build needs.
    const char* timeout = "1s";
  };
  const std::string a_thousand =
      "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n "
      "WHERE x < 1000000) ";
  const Case cases[] = {
      {kEndless, "took more than 1s"},
      {"SELECT count(*) FROM process_events a, process_events b WHERE a.name < b.name",
       "took more than 1s"},
      {a_thousand + "SELECT count(*) FROM n a, n b WHERE a.x < b.x", "took more than 1s"},
      {"SELECT count(*) FROM processes a, processes b, processes c", "took more than 1s"},
      {"SELECT sum(instr(a.command_line, substr(b.command_line, 1, 30000) || 'b')) FROM "
       "process_events a, "
       "process_events b WHERE length(a.command_line) > 1000 AND length(b.command_line) > 1000",
       "took more than 1s"},
      {a_thousand + "SELECT group_concat(x) FROM n", "too big", "20s"},
      {"SELECT replace(replace(hex(1), '3', command_line), 'a', command_line) FROM process_events "
       "WHERE length(command_line) > 1000",
       "too big", "20s"},
      {"SELECT zeroblob(1000000000)", "zeroblob() is not allowed at position 8"},
      {"DELETE FROM process_events", "may not be modified"},
      {"ATTACH '/etc/passwd' AS x", "ATTACH is not allowed"},
      {"SELECT 1; SELECT 2", "a second statement at position 10"},
      {"PRAGMA writable_schema = 1", "PRAGMA is not allowed"},
      {"SELECT load_extension('x')", "load_extension() is not allowed at position 8"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.sql);
    Ended beside;
    base::Thread second("second", [&](std::stop_token) { beside = Query(c.sql, c.timeout); });
    const Ended first = Query(c.sql, c.timeout);
    second.StopAndJoin();
    EXPECT_NE(first.code, 0);
    EXPECT_THAT(first.output, HasSubstr(c.told));
    EXPECT_THAT(beside.output, HasSubstr(c.told));
  }
  const absl::Duration attacked = gaps.Take();
  const absl::Duration bound = testing_support::IsInstrumented() ? 10 * kMaxGap : kMaxGap;
  // Where others have the machine, what it was without an attack counts.
  EXPECT_LE(attacked, std::max(bound, 2 * quiet)) << "without an attack: " << quiet;
  RecordProperty("gap_quiet", absl::FormatDuration(quiet));
  RecordProperty("gap_attacked", absl::FormatDuration(attacked));
  fmt::print("largest gap of 1,000 events/s: {} quiet, {} attacked\n", absl::FormatDuration(quiet),
             absl::FormatDuration(attacked));
  stream.Cancel();
  reader.StopAndJoin();
}

TEST_F(QueryTest, AHugeAnswerNeitherBreaksTheClientNorIsHeldInMemory) {
  const std::string ready = fmt::format("SELECT count(*) >= {} AS b FROM process_events", kHistory);
  ASSERT_THAT(AwaitAnswer(ready, "\"b\":1"), HasSubstr("\"b\":1"));
  const uint64_t before = gateway_->AnonymousBytes();
  const std::string file = directory_.File("rows");
  // Up to 200 MB of rows, all of which the client throws away.
  const uint64_t rows = testing_support::IsInstrumented() ? 20'000 : 400'000;
  const Ended ended = RunToEnd(
      {.argv = {"/bin/sh", "-c",
                fmt::format(
                    "{} query --address={} --csv --timeout=60s --max_rows={} \"SELECT "
                    "a.*, b.x FROM process_events a, (WITH RECURSIVE n(x) AS (SELECT 1 "
                    "UNION ALL SELECT x + 1 FROM n WHERE x < 20) SELECT x FROM n) b\" | wc -l > {}",
                    kEyectl, gateway_->address(), rows, file)}},
      3 * kPatience);
  EXPECT_EQ(ended.code, 0) << ended.output;
  uint64_t lines = 0;
  std::ifstream(file) >> lines;
  EXPECT_EQ(lines, rows + 1);
  const uint64_t after = gateway_->AnonymousBytes();
  if (!testing_support::IsInstrumented()) {
    EXPECT_LT(after, before + (100u << 20));
  }
}

}  // namespace
}  // namespace daemoneye
