#include "libs/sources/process/proven_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/fake_event_source.h"
#include "libs/sources/process/fake_canary_line.h"
#include "libs/sources/process/recording_sink.h"

namespace daemoneye::process {
namespace {

using collector::FakeCall;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Fate = FakeCanaryLine::Fate;

// A sink that is told of failures.
class FailureSink final : public collector::EventSink {
 public:
  absl::Status Emit(event::EventList events) override { return recording.Emit(std::move(events)); }
  bool AwaitRoom(base::Monotonic) override { return true; }
  void ReportLoss(std::string_view stage, std::string_view reason,
                  std::optional<uint64_t> count) override {
    recording.ReportLoss(stage, reason, count);
  }
  void CountFiltered(uint64_t) override {}
  void ReportFailure(absl::Status status) override {
    base::MutexLock lock(mu_);
    failure_ = std::move(status);
    changed_.NotifyAll();
  }
  absl::Status AwaitFailure() {
    base::MutexLock lock(mu_);
    while (!failure_.has_value()) changed_.Wait(mu_);
    return *failure_;
  }

  RecordingSink recording;

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  std::optional<absl::Status> failure_ GUARDED_BY(mu_);
};

class ProvenSourceTest : public ::testing::Test {
 protected:
  // Two checks that find no trace of what the kernel began.
  absl::Status AwaitBlind() {
    const int before = line_.spawns();
    for (int i = 0; i < 2; ++i) {
      clock_.AwaitWaiters(1);
      kernel_ += 100;
      clock_.Advance(absl::Seconds(5));
      if (i == 0) line_.AwaitSpawns(before + 1);
    }
    return sink_.AwaitFailure();
  }

  std::atomic<uint64_t> kernel_ = 100;
  base::FakeClock clock_;
  FakeCanaryLine line_{clock_};
  FailureSink sink_;
  collector::FakeSourceScript script_{"process-exec"};
  ProvenSource source_{collector::MakeFakeEventSource(script_),
                       {.source = "process-exec",
                        .counts = [] { return SightCounts{.task_count = 7, .lost_count = 0}; },
                        .kernel_tasks = [this] { return std::optional<uint64_t>(kernel_); },
                        .line = line_,
                        .on_canary = {},
                        .on_unseen = {}},
                       clock_,
                       {.recounts = 0}};
};

TEST_F(ProvenSourceTest, IsTheSourceInAllElse) {
  EXPECT_EQ(source_.descriptor().name, "process-exec");
  ASSERT_EQ(source_.Start(sink_), absl::OkStatus());
  EXPECT_EQ(script_.calls(FakeCall::kStart), 1);
  EXPECT_EQ(source_.HealthCheck().status, absl::OkStatus());
  collector::SourceHealth health;
  health.status = absl::UnavailableError("its own reason");
  script_.SetHealth(health);
  EXPECT_EQ(source_.HealthCheck().status.message(), "its own reason");
  source_.Stop();
  EXPECT_EQ(script_.calls(FakeCall::kStop), 1);
}

TEST_F(ProvenSourceTest, StartsOnlyWhenACanaryCameBack) {
  line_.SetFate(Fate::kNeverComes);
  line_.OnSpawn([this] { clock_.Advance(absl::Seconds(10)); });
  const absl::Status status = source_.Start(sink_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("none came back"));
  EXPECT_EQ(script_.calls(FakeCall::kStop), 1);
  EXPECT_EQ(line_.living(), 0);
}

TEST_F(ProvenSourceTest, WhatTheSourceRefusesIsNotProven) {
  script_.FailStarts({absl::PermissionDeniedError("cap_bpf")});
  EXPECT_EQ(source_.Start(sink_).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(line_.spawns(), 0);
}

TEST_F(ProvenSourceTest, ABlindSourceFailsAndSaysWhy) {
  ASSERT_EQ(source_.Start(sink_), absl::OkStatus());
  const absl::Status failure = AwaitBlind();
  EXPECT_THAT(std::string(failure.message()), HasSubstr("saw none"));
  EXPECT_EQ(source_.HealthCheck().status, failure);
  EXPECT_THAT(sink_.recording.losses(), ElementsAre("kernel/unseen: 0", "kernel/unseen: 0"));
  source_.Stop();
}

TEST_F(ProvenSourceTest, StartedAgainItIsTrustedAgain) {
  ASSERT_EQ(source_.Start(sink_), absl::OkStatus());
  ASSERT_FALSE(AwaitBlind().ok());
  source_.Stop();
  ASSERT_EQ(source_.Start(sink_), absl::OkStatus());
  EXPECT_EQ(source_.HealthCheck().status, absl::OkStatus());
  EXPECT_EQ(script_.calls(FakeCall::kStart), 2);
  source_.Stop();
}

}  // namespace
}  // namespace daemoneye::process
