#include "libs/monitor/task_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemoneye/v1/event.pb.h"
#include "libs/base/fake_clock.h"
#include "libs/base/thread.h"
#include "libs/monitor/fake_port.h"

namespace daemoneye::monitor {
namespace {

using ::testing::IsEmpty;

// A message of about that size, which FakePort reads as an event.
std::string Message(uint64_t number, size_t bytes = 10) {
  v1::CollectionEvent event;
  event.set_sequence(number);
  event.set_source(std::string(bytes, 'x'));
  return event.SerializeAsString();
}

class TaskStreamTest : public ::testing::Test {
 protected:
  ~TaskStreamTest() override { EXPECT_THAT(port_.violations(), IsEmpty()); }

  void Start(TaskStream::Task task) {
    stream_.OnStart(port_);
    worker_ = base::Thread("task", [this, task](std::stop_token) { stream_.Run(task); });
  }
  // Answers one write; 0 when the stream ended.
  uint64_t Next() {
    const auto events = port_.AwaitWrite();
    if (!events.has_value()) return 0;
    stream_.OnWriteDone(true);
    return events->front().sequence();
  }

  base::FakeClock clock_;
  FakePort port_{false};
  int started_ = 0;
  TaskStream stream_{clock_, absl::Seconds(60), [this] { ++started_; }, nullptr};
  base::Thread worker_;
};

TEST_F(TaskStreamTest, MessagesGoOutInOrderAndTheStatusLast) {
  Start([](std::stop_token, const TaskStream::Send& send) {
    for (int i = 1; i <= 100; ++i) EXPECT_TRUE(send(Message(i)));
    return absl::NotFoundError("no more");
  });
  EXPECT_EQ(started_, 1);
  for (uint64_t i = 1; i <= 100; ++i) EXPECT_EQ(Next(), i);
  EXPECT_EQ(port_.AwaitFinish(), absl::NotFoundError("no more"));
}

TEST_F(TaskStreamTest, SlowReaderMakesTheTaskWait) {
  base::Mutex mu;
  int sent = 0;
  Start([&](std::stop_token, const TaskStream::Send& send) {
    for (int i = 1; i <= 20; ++i) {
      EXPECT_TRUE(send(Message(i, TaskStream::kMaxPendingBytes / 4)));
      base::MutexLock lock(mu);
      ++sent;
    }
    return absl::OkStatus();
  });
  clock_.AwaitWaiters(1);
  {
    base::MutexLock lock(mu);
    EXPECT_LE(sent, 6);
  }
  for (uint64_t i = 1; i <= 20; ++i) EXPECT_EQ(Next(), i);
  EXPECT_TRUE(port_.AwaitFinish().ok());
}

TEST_F(TaskStreamTest, ReaderThatNeverReadsIsGivenUp) {
  Start([](std::stop_token, const TaskStream::Send& send) {
    while (send(Message(1, TaskStream::kMaxPendingBytes))) {
    }
    return absl::OkStatus();
  });
  clock_.AwaitWaiters(1);
  clock_.Advance(absl::Seconds(60));
  worker_.StopAndJoin();
  EXPECT_TRUE(port_.is_aborted());
  stream_.OnCancel();
  EXPECT_EQ(port_.AwaitFinish().code(), absl::StatusCode::kCancelled);
}

TEST_F(TaskStreamTest, CancelStopsTheTaskAndEndsTheStream) {
  Start([](std::stop_token stop, const TaskStream::Send& send) {
    while (send(Message(1, 1000))) {
    }
    EXPECT_TRUE(stop.stop_requested());
    return absl::OkStatus();
  });
  EXPECT_EQ(Next(), 1u);
  stream_.OnCancel();
  EXPECT_EQ(port_.AwaitFinish().code(), absl::StatusCode::kCancelled);
  worker_.StopAndJoin();
}

TEST_F(TaskStreamTest, FailedWriteEndsTheStream) {
  Start([](std::stop_token, const TaskStream::Send& send) {
    while (send(Message(1, 1000))) {
    }
    return absl::OkStatus();
  });
  ASSERT_TRUE(port_.AwaitWrite().has_value());
  stream_.OnWriteDone(false);
  EXPECT_EQ(port_.AwaitFinish().code(), absl::StatusCode::kCancelled);
  worker_.StopAndJoin();
}

TEST_F(TaskStreamTest, StopEndsWithItsStatusAfterWhatIsPending) {
  base::Mutex mu;
  base::CondVar stopped;
  bool is_stopped = false;
  Start([&](std::stop_token, const TaskStream::Send& send) {
    EXPECT_TRUE(send(Message(1)));
    base::MutexLock lock(mu);
    while (!is_stopped) stopped.Wait(mu);
    EXPECT_FALSE(send(Message(2)));
    return absl::OkStatus();
  });
  EXPECT_EQ(Next(), 1u);
  stream_.Stop(absl::UnavailableError("shutting down"));
  EXPECT_EQ(port_.AwaitFinish(), absl::UnavailableError("shutting down"));
  {
    base::MutexLock lock(mu);
    is_stopped = true;
    stopped.NotifyAll();
  }
  worker_.StopAndJoin();
}

}  // namespace
}  // namespace daemoneye::monitor
