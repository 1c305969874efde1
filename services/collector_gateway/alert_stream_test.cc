#include "services/collector_gateway/alert_stream.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Records what a stream does; the test answers its writes.
class RecordingPort final : public rpc::StreamPort {
 public:
  void Write(const rpc::Payload& payload) override {
    std::string bytes;
    for (const rpc::PayloadPiece& piece : payload.pieces) bytes += piece.bytes;
    const MutexLock lock(mu_);
    EXPECT_FALSE(write_.has_value()) << "a second write while one is outstanding";
    EXPECT_FALSE(finished_.has_value()) << "a write after finish";
    write_.emplace();
    EXPECT_TRUE(write_->ParseFromString(bytes));
    changed_.NotifyAll();
  }
  void Finish(const absl::Status& status) override {
    const MutexLock lock(mu_);
    EXPECT_FALSE(finished_.has_value()) << "a second finish";
    finished_ = status;
    changed_.NotifyAll();
  }
  void Abort() override {
    const MutexLock lock(mu_);
    is_aborted_ = true;
    changed_.NotifyAll();
  }
  // "heartbeat 3", "alert 4", "missed 2", or how it ended; blocks until there is one.
  std::string Await() {
    const MutexLock lock(mu_);
    while (!write_.has_value() && !finished_.has_value()) changed_.Wait(mu_);
    if (!write_.has_value()) return finished_->ToString();
    const v1::StreamAlertsResponse message = *std::exchange(write_, std::nullopt);
    if (message.has_alert()) return fmt::format("alert {}", message.alert().sequence());
    if (message.has_missed_up_to()) return fmt::format("missed {}", message.missed_up_to());
    return fmt::format("heartbeat {}", message.heartbeat());
  }
  absl::Status AwaitFinish() {
    const MutexLock lock(mu_);
    while (!finished_.has_value()) changed_.Wait(mu_);
    return *finished_;
  }
  void AwaitAbort() {
    const MutexLock lock(mu_);
    while (!is_aborted_) changed_.Wait(mu_);
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  std::optional<v1::StreamAlertsResponse> write_ GUARDED_BY(mu_);
  std::optional<absl::Status> finished_ GUARDED_BY(mu_);
  bool is_aborted_ GUARDED_BY(mu_) = false;
};

class AlertStreamTest : public ::testing::Test {
 protected:
  ~AlertStreamTest() override {
    if (stream_ == nullptr) return;
    stream_->Drain();
    stream_->OnDone();
  }
  void Raise(int count, v1::Severity severity = v1::SEVERITY_HIGH) {
    for (int i = 0; i < count; ++i) {
      v1::Alert alert;
      alert.set_id(fmt::format("{}", ++raised_));
      alert.set_severity(severity);
      ASSERT_TRUE(store_.Append(alert, {}, clock_.Now()).ok());
    }
    loop_.WakeAll();
  }
  void Open(v1::StreamAlertsRequest request) {
    stream_ = AlertStream::Create({.request = std::move(request)}, store_, loop_, clock_);
    stream_->OnStart(port_);
  }
  static v1::StreamAlertsRequest After(uint64_t sequence, bool follow = true) {
    v1::StreamAlertsRequest request;
    request.set_after_sequence(sequence);
    request.set_follow(follow);
    return request;
  }
  // The next message, which is then written.
  std::string Next() {
    std::string message = port_.Await();
    stream_->OnWriteDone(true);
    return message;
  }
  std::vector<std::string> Next(int count) {
    std::vector<std::string> messages;
    for (int i = 0; i < count; ++i) messages.push_back(Next());
    return messages;
  }

  base::FakeClock clock_;
  alerting::MemoryAlertStore store_{{.max_alerts = 200, .max_bytes = 1 << 20}};
  monitor::StreamLoop loop_{clock_};
  RecordingPort port_;
  std::shared_ptr<AlertStream> stream_;
  int raised_ = 0;
};

TEST_F(AlertStreamTest, FromNowOnUnlessAskedOtherwise) {
  Raise(2);
  Open({});
  EXPECT_EQ(Next(), "heartbeat 2");
  Raise(2);
  EXPECT_THAT(Next(2), ElementsAre("alert 3", "alert 4"));
}

TEST_F(AlertStreamTest, ResumesBehindASequence) {
  Raise(3);
  Open(After(1));
  EXPECT_THAT(Next(3), ElementsAre("heartbeat 3", "alert 2", "alert 3"));
  Raise(1);
  EXPECT_EQ(Next(), "alert 4");
}

TEST_F(AlertStreamTest, ReadsOnThroughManyMoreThanOneReading) {
  Raise(200);
  Open(After(0, /*follow=*/false));
  EXPECT_EQ(Next(), "heartbeat 200");
  for (int i = 1; i <= 200; ++i) ASSERT_EQ(Next(), fmt::format("alert {}", i));
  EXPECT_TRUE(port_.AwaitFinish().ok());
}

TEST_F(AlertStreamTest, TellsWhatIsNoLongerKept) {
  Raise(250);
  Open(After(10));
  EXPECT_THAT(Next(3), ElementsAre("heartbeat 250", "missed 50", "alert 51"));
}

TEST_F(AlertStreamTest, AskedForAllThatIsKeptNothingIsMissed) {
  Raise(250);
  Open(After(0));
  EXPECT_THAT(Next(2), ElementsAre("heartbeat 250", "alert 51"));
}

TEST_F(AlertStreamTest, ASlowReaderIsToldWhatItMissed) {
  Open({});
  EXPECT_EQ(port_.Await(), "heartbeat 0");
  Raise(250);  // while the write is outstanding
  stream_->OnWriteDone(true);
  EXPECT_THAT(Next(2), ElementsAre("missed 50", "alert 51"));
}

TEST_F(AlertStreamTest, FilterSkipsAndTheEndIsStillReached) {
  Raise(100, v1::SEVERITY_LOW);
  Raise(1);
  v1::StreamAlertsRequest request = After(0, /*follow=*/false);
  request.mutable_filter()->set_minimum_severity(v1::SEVERITY_HIGH);
  Open(request);
  EXPECT_THAT(Next(2), ElementsAre("heartbeat 101", "alert 101"));
  EXPECT_TRUE(port_.AwaitFinish().ok());
}

TEST_F(AlertStreamTest, BeyondTheNewestIsRefused) {
  Raise(2);
  Open(After(3));
  const absl::Status status = port_.AwaitFinish();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("after_sequence: 3 is beyond"));
}

TEST_F(AlertStreamTest, HeartbeatsOnlyWhenNothingElseWasSent) {
  Open({});
  EXPECT_EQ(Next(), "heartbeat 0");
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(10));
  Raise(1);
  EXPECT_EQ(Next(), "alert 1");
  // 15 s from the alert on, not from the heartbeat before.
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(15));
  EXPECT_EQ(Next(), "heartbeat 1");
}

TEST_F(AlertStreamTest, GivesUpAPeerThatTakesNothingForAMinute) {
  Open({});
  EXPECT_EQ(port_.Await(), "heartbeat 0");
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(60));
  port_.AwaitAbort();
  stream_->OnCancel();
  EXPECT_TRUE(absl::IsCancelled(port_.AwaitFinish()));
}

TEST_F(AlertStreamTest, EndsOnceWhateverComesFirst) {
  Open({});
  EXPECT_EQ(port_.Await(), "heartbeat 0");
  stream_->Drain();
  stream_->OnCancel();
  stream_->OnWriteDone(false);
  stream_->Drain();
  EXPECT_TRUE(absl::IsUnavailable(port_.AwaitFinish()));
}

}  // namespace
}  // namespace daemoneye::gateway
