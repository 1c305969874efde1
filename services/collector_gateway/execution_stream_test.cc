#include "services/collector_gateway/execution_stream.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "libs/analysis/fake_stage_runner.h"
#include "libs/base/fake_clock.h"
#include "libs/storage/fake_execution_store.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;

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
  v1::WorkflowExecution AwaitWrite() {
    const MutexLock lock(mu_);
    while (!write_.has_value()) changed_.Wait(mu_);
    return std::exchange(write_, std::nullopt)->execution();
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
  std::optional<v1::WatchExecutionResponse> write_ GUARDED_BY(mu_);
  std::optional<absl::Status> finished_ GUARDED_BY(mu_);
  bool is_aborted_ GUARDED_BY(mu_) = false;
};

class ExecutionStreamTest : public ::testing::Test {
 protected:
  ExecutionStreamTest() {
    engine_.SetListener([this](const auto& execution) { hub_.OnChange(execution); });
    engine_.Start();
  }
  ~ExecutionStreamTest() override {
    engine_.SetListener({});
    engine_.Stop();
    if (stream_ == nullptr) return;
    stream_->Drain();
    stream_->OnDone();
  }
  // Stages that run one after the other.
  std::string Submit(int stages) {
    v1::WorkflowExecution execution;
    execution.mutable_target()->set_pid(1);
    for (int i = 0; i < stages; ++i) {
      v1::WorkflowStage& stage = *execution.mutable_workflow()->add_stages();
      stage.set_id(fmt::format("s{}", i));
      stage.set_kind(v1::WORKFLOW_STAGE_KIND_ALERTING);
      if (i > 0) stage.add_depends_on(fmt::format("s{}", i - 1));
    }
    return (*engine_.Submit(std::move(execution)))->id();
  }
  void Open(const std::string& id) {
    stream_ = ExecutionStream::Create(
        {.execution_id = id}, {.executions = view_, .hub = hub_, .loop = loop_, .clock = clock_});
    stream_->OnStart(port_);
  }

  base::FakeClock clock_;
  analysis::FakeStageRunner runner_;
  storage::FakeExecutionStore store_;
  analysis::WorkflowEngine engine_{
      runner_, &store_, clock_, [](const auto&) {}, {.max_finished = 1}};
  ExecutionView view_{engine_, &store_};
  monitor::StreamLoop loop_{clock_};
  ExecutionHub hub_{loop_, clock_};
  RecordingPort port_;
  std::shared_ptr<ExecutionStream> stream_;
};

TEST_F(ExecutionStreamTest, TellsItAsItIsThenEachChangeUntilItHasEnded) {
  const std::string id = Submit(3);
  runner_.Await(0);
  Open(id);
  uint64_t revision = 0;
  v1::WorkflowExecution told;
  for (size_t next = 0; !HasEnded(told);) {
    told = port_.AwaitWrite();
    EXPECT_GT(told.revision(), revision);
    revision = told.revision();
    EXPECT_EQ(told.id(), id);
    if (next < 3 && told.stages(static_cast<int>(next)).status() == v1::STAGE_STATUS_RUNNING) {
      runner_.End(next++, analysis::FakeResult());
    }
    stream_->OnWriteDone(true);
  }
  EXPECT_EQ(told.status(), v1::EXECUTION_STATUS_COMPLETED);
  EXPECT_TRUE(port_.AwaitFinish().ok());
}

TEST_F(ExecutionStreamTest, ASlowReaderGetsTheLatestAndNotEach) {
  const std::string id = Submit(4);
  runner_.Await(0);
  Open(id);
  EXPECT_FALSE(HasEnded(port_.AwaitWrite()));
  for (size_t i = 0; i < 4; ++i) runner_.End(i, analysis::FakeResult());  // while it does not read
  for (uint64_t seen = hub_.changes(); !HasEnded(**view_.Get(id)); ++seen) {
    hub_.AwaitChange(seen, base::Monotonic::max());
  }
  stream_->OnWriteDone(true);
  EXPECT_TRUE(HasEnded(port_.AwaitWrite()));
  stream_->OnWriteDone(true);
  EXPECT_TRUE(port_.AwaitFinish().ok());
}

TEST_F(ExecutionStreamTest, OneThatHasLeftMemoryIsToldFromTheStore) {
  const std::string id = Submit(1);
  runner_.End(0, analysis::FakeResult("first"));
  for (size_t i = 1; i < 4; ++i) {
    Submit(1);
    runner_.End(i, analysis::FakeResult());
  }
  runner_.Await(3);
  ASSERT_TRUE(absl::IsNotFound(engine_.Get(id).status()));
  Open(id);
  EXPECT_EQ(port_.AwaitWrite().stages(0).result().summary(), "first");
  stream_->OnWriteDone(true);
  EXPECT_TRUE(port_.AwaitFinish().ok());
}

TEST_F(ExecutionStreamTest, AnUnknownOneIsNotFound) {
  Open("00000000-0000-4000-8000-000000000001");
  EXPECT_TRUE(absl::IsNotFound(port_.AwaitFinish()));
}

TEST_F(ExecutionStreamTest, GivesUpAPeerThatTakesNothingForAMinute) {
  Open(Submit(1));
  port_.AwaitWrite();
  runner_.Await(0);
  clock_.AwaitWaiters(2);  // the engine and the loop
  clock_.Advance(absl::Seconds(60));
  port_.AwaitAbort();
  stream_->OnCancel();
  EXPECT_TRUE(absl::IsCancelled(port_.AwaitFinish()));
}

TEST_F(ExecutionStreamTest, EndsOnceWhateverComesFirst) {
  Open(Submit(1));
  port_.AwaitWrite();
  stream_->Drain();
  stream_->OnCancel();
  stream_->OnWriteDone(false);
  stream_->Drain();
  EXPECT_TRUE(absl::IsUnavailable(port_.AwaitFinish()));
}

TEST_F(ExecutionStreamTest, AStateIsSerialisedOnceForAllThatWatch) {
  const std::string id = Submit(1);
  runner_.Await(0);
  hub_.Watch(id, 7);
  const analysis::ExecutionPtr execution = *view_.Get(id);
  EXPECT_EQ(hub_.MessageOf(execution), hub_.MessageOf(execution));
  hub_.Unwatch(id, 7);
  EXPECT_NE(hub_.MessageOf(execution), hub_.MessageOf(execution)) << "nobody watches: not held";
}

TEST_F(ExecutionStreamTest, WhoWaitsForAChangeIsLetGoAtItsDeadlineAndByStop) {
  EXPECT_FALSE(hub_.AwaitChange(hub_.changes(), clock_.MonotonicNow()));
  const uint64_t seen = hub_.changes();
  const std::string id = Submit(1);
  EXPECT_TRUE(hub_.AwaitChange(seen, base::Monotonic::max()));
  hub_.Stop();
  EXPECT_FALSE(hub_.AwaitChange(hub_.changes(), base::Monotonic::max()));
}

}  // namespace
}  // namespace daemoneye::gateway
