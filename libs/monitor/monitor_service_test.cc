#include "libs/monitor/monitor_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "libs/base/thread.h"
#include "libs/monitor/fake_backend.h"
#include "libs/rpc/server.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class MonitorServiceTest : public ::testing::Test {
 protected:
  MonitorServiceTest() {
    char name[] = "/tmp/monitor_service.XXXXXX";
    directory_ = ::mkdtemp(name);
    Start({});
  }
  ~MonitorServiceTest() override {
    Stop();
    std::filesystem::remove_all(directory_);
  }

  void Start(MonitorServiceOptions options, event_bus::LocalEventBusOptions bus = {}) {
    Stop();
    options.on_call_ended = [this] {
      base::MutexLock lock(mu_);
      call_ended_.NotifyAll();
    };
    backend_ = std::make_unique<FakeBackend>(base::Clock::Real(), bus);
    service_ = std::make_unique<MonitorService>(*backend_, std::move(options), base::Clock::Real());
    auto server =
        rpc::Server::Start({.listen = {"unix://" + directory_.string() + "/s"}},
                           {{service_.get(), v1::MonitorService::service_full_name()}}, nullptr);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::MonitorService::NewStub(Connect());
  }
  void Stop() {
    if (service_ != nullptr) service_->Drain();
    server_.reset();
    service_.reset();
  }
  // A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt("daemoneye.connection", ++connections_);
    return grpc::CreateCustomChannel(server_->addresses()[0].ToString(),
                                     grpc::InsecureChannelCredentials(), arguments);
  }
  // Blocks until every stream and task of the service has ended.
  void AwaitIdle() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    base::MutexLock lock(mu_);
    while (service_->stream_count() + service_->task_count() != 0) {
      ASSERT_TRUE(call_ended_.WaitUntil(mu_, deadline))
          << service_->stream_count() << " streams, " << service_->task_count() << " tasks";
    }
  }
  void Publish(uint32_t first, size_t count, size_t padding = 0) {
    backend_->PublishProcesses(v1::PROCESS_ACTION_START, first, count, padding);
  }

  static v1::StreamEventsRequest Live() {
    v1::StreamEventsRequest request;
    request.set_include_snapshot(false);
    return request;
  }

  int connections_ = 0;
  base::Mutex mu_;
  base::CondVar call_ended_;
  std::filesystem::path directory_;
  std::unique_ptr<FakeBackend> backend_;
  std::unique_ptr<MonitorService> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::MonitorService::Stub> stub_;
};

TEST_F(MonitorServiceTest, EveryMethodIsThereAndAnswersGarbageWithInvalidArgument) {
  const auto* service =
      v1::GetStatusRequest::descriptor()->file()->FindServiceByName("MonitorService");
  ASSERT_GE(service->method_count(), 5);
  grpc::GenericStub stub(Connect());
  for (int i = 0; i < service->method_count(); ++i) {
    const auto& method = *service->method(i);
    grpc::ClientContext context;
    const grpc::Slice slice("\xff\xff garbage");
    const grpc::ByteBuffer garbage(&slice, 1);
    grpc::CompletionQueue queue;
    grpc::Status status;
    auto call = stub.PrepareUnaryCall(&context, "/" + service->full_name() + "/" + method.name(),
                                      garbage, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << method.full_name();
    EXPECT_THAT(status.error_message(), HasSubstr(method.input_type()->full_name()));
  }
}

TEST_F(MonitorServiceTest, NegotiationTellsWhatThereIs) {
  Publish(1, 3);
  grpc::ClientContext context;
  v1::NegotiateCapabilitiesRequest request;
  request.add_required_caps(v1::SOURCE_CAP_NETWORK);
  v1::NegotiateCapabilitiesResponse response;
  ASSERT_TRUE(stub_->NegotiateCapabilities(&context, request, &response).ok());
  EXPECT_EQ(response.monitor(), "fakemond");
  EXPECT_EQ(response.version(), "1.2.3");
  EXPECT_EQ(response.stream_id(), backend_->bus().stream_id());
  EXPECT_EQ(response.oldest_sequence(), 1u);
  EXPECT_EQ(response.next_sequence(), 4u);
  EXPECT_THAT(response.features(), SizeIs(4));
  EXPECT_THAT(response.sources(), SizeIs(1));
  EXPECT_THAT(response.refused_caps(), SizeIs(1));
  EXPECT_EQ(response.limits().ring_bytes(), 16u << 20);
  EXPECT_EQ(response.limits().max_batch_bytes(), 1u << 20);
}

TEST_F(MonitorServiceTest, BothStreamsGiveTheSameEvents) {
  Publish(1, 5);
  v1::StreamEventsRequest request;
  request.set_follow(false);
  request.mutable_resume()->set_stream_id(backend_->bus().stream_id());

  std::vector<std::string> single;
  grpc::ClientContext context;
  const auto reader = stub_->StreamEvents(&context, request);
  for (v1::CollectionEvent event; reader->Read(&event);) single.push_back(event.DebugString());
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_THAT(single, SizeIs(6));

  std::vector<std::string> batched;
  grpc::ClientContext batch_context;
  v1::StreamEventBatchesRequest batch_request;
  *batch_request.mutable_stream() = request;
  const auto batch_reader = stub_->StreamEventBatches(&batch_context, batch_request);
  for (v1::StreamEventBatchesResponse batch; batch_reader->Read(&batch);) {
    EXPECT_EQ(batch.stream_id(), backend_->bus().stream_id());
    for (const auto& event : batch.events()) batched.push_back(event.DebugString());
  }
  EXPECT_TRUE(batch_reader->Finish().ok());
  EXPECT_EQ(batched, single);
}

TEST_F(MonitorServiceTest, SnapshotIsOfThisMoment) {
  backend_->on_refresh = [this](base::Monotonic) {
    backend_->PublishProcesses(v1::PROCESS_ACTION_SNAPSHOT, 100, 1);
    return absl::OkStatus();
  };
  v1::StreamEventsRequest request;
  request.set_follow(false);
  grpc::ClientContext context;
  const auto reader = stub_->StreamEvents(&context, request);
  std::vector<uint32_t> pids;
  uint64_t count = 0;
  for (v1::CollectionEvent event; reader->Read(&event);) {
    if (event.has_process()) pids.push_back(event.process().pid());
    if (event.control().has_snapshot_complete())
      count = event.control().snapshot_complete().count();
  }
  EXPECT_THAT(pids, ElementsAre(100));
  EXPECT_EQ(count, 1u);
}

TEST_F(MonitorServiceTest, LargeSnapshotComesWholeAlsoOneByOne) {
  constexpr size_t kProcesses = 5'000;
  backend_->PublishProcesses(v1::PROCESS_ACTION_SNAPSHOT, 1, kProcesses, 500);
  grpc::ClientContext context;
  const auto reader = stub_->StreamEvents(&context, {});
  size_t processes = 0;
  v1::CollectionEvent event;
  while (reader->Read(&event) && !event.control().has_snapshot_complete()) {
    processes += event.has_process() ? 1 : 0;
  }
  EXPECT_EQ(processes, kProcesses);
  EXPECT_EQ(event.control().snapshot_complete().count(), kProcesses);
  context.TryCancel();
}

TEST_F(MonitorServiceTest, BadRequestsAreRefusedByName) {
  const auto finish = [this](const v1::StreamEventsRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub_->StreamEvents(&context, request);
    v1::CollectionEvent event;
    EXPECT_FALSE(reader->Read(&event));
    return reader->Finish();
  };
  v1::StreamEventsRequest request;
  request.mutable_heartbeat_interval()->set_seconds(301);
  EXPECT_THAT(finish(request).error_message(), HasSubstr("heartbeat_interval: 301 s"));
  request.Clear();
  request.mutable_filter()->add_topics("events.*");
  EXPECT_THAT(finish(request).error_message(), HasSubstr("filter.topics[0]"));
  request.Clear();
  request.mutable_filter()->set_sql("SELECT nonsense");
  EXPECT_EQ(finish(request).error_code(), grpc::INVALID_ARGUMENT);
}

// A subscriber that reads from the first event to the last on a thread of its own.
class Reader {
 public:
  Reader(std::shared_ptr<grpc::Channel> channel, uint64_t last)
      : stub_(v1::MonitorService::NewStub(channel)),
        thread_("reader", [this, last](std::stop_token) { Run(last); }) {}
  // Blocks until its stream is open.
  void AwaitStarted() {
    base::MutexLock lock(mu_);
    while (!is_started_ && !is_ended_) changed_.Wait(mu_);
  }
  // Blocks until it has that many events, so that a publisher does not outrun the ring.
  void AwaitCount(size_t count) {
    base::MutexLock lock(mu_);
    while (sequences_.size() < count && !is_ended_) changed_.Wait(mu_);
  }
  // Sequences got, 0 for a notice; waits for the end.
  std::vector<uint64_t> Join() {
    thread_.StopAndJoin();
    base::MutexLock lock(mu_);
    return sequences_;
  }

 private:
  void Run(uint64_t last) {
    grpc::ClientContext context;
    v1::StreamEventBatchesRequest request;
    request.mutable_stream()->set_include_snapshot(false);
    const auto reader = stub_->StreamEventBatches(&context, request);
    bool is_at_end = false;
    for (v1::StreamEventBatchesResponse batch; !is_at_end && reader->Read(&batch);) {
      base::MutexLock lock(mu_);
      is_started_ = true;
      for (const auto& event : batch.events()) {
        if (event.control().has_missed()) sequences_.push_back(0);
        if (!event.has_control()) sequences_.push_back(event.sequence());
      }
      is_at_end = !sequences_.empty() && sequences_.back() == last;
      changed_.NotifyAll();
    }
    context.TryCancel();
    base::MutexLock lock(mu_);
    is_ended_ = true;
    changed_.NotifyAll();
  }

  std::unique_ptr<v1::MonitorService::Stub> stub_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<uint64_t> sequences_ GUARDED_BY(mu_);
  bool is_started_ GUARDED_BY(mu_) = false;
  bool is_ended_ GUARDED_BY(mu_) = false;
  base::Thread thread_;
};

TEST_F(MonitorServiceTest, TenSubscribersOfWhichOneNeverReadsHoldUpNobody) {
  constexpr uint64_t kBatches = 200;
  constexpr uint64_t kPerBatch = 100;
  constexpr size_t kPadding = 1000;
  Start({}, {.ring_bytes = 4 << 20});
  grpc::ClientContext stuck_context;
  const auto stuck_stub = v1::MonitorService::NewStub(Connect());
  const auto stuck = stuck_stub->StreamEvents(&stuck_context, Live());
  v1::CollectionEvent started;
  ASSERT_TRUE(stuck->Read(&started));  // and then nothing for long
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 9; ++i) {
    readers.push_back(std::make_unique<Reader>(Connect(), kBatches * kPerBatch));
  }
  for (const auto& reader : readers) reader->AwaitStarted();
  for (uint64_t i = 0; i < kBatches; ++i) {
    Publish(static_cast<uint32_t>(i * kPerBatch + 1), kPerBatch, kPadding);
    // The ring holds some 3,000 of these events.
    if (i < 10) continue;
    for (const auto& reader : readers) reader->AwaitCount((i - 10) * kPerBatch);
  }
  std::vector<uint64_t> all(kBatches * kPerBatch);
  for (size_t i = 0; i < all.size(); ++i) all[i] = i + 1;
  for (const auto& reader : readers) EXPECT_EQ(reader->Join(), all);

  // The tenth now reads: what it got, what it missed and what is left add up to everything.
  uint64_t next = 1;
  uint64_t missed = 0;
  for (v1::CollectionEvent event; next <= all.size() && stuck->Read(&event);) {
    if (event.control().has_missed()) {
      EXPECT_EQ(event.control().missed().first_sequence(), next);
      missed += event.control().missed().count();
      EXPECT_EQ(event.control().missed().last_sequence() - next + 1,
                event.control().missed().count());
      next = event.control().missed().last_sequence() + 1;
    } else if (!event.has_control()) {
      ASSERT_EQ(event.sequence(), next++);
    }
  }
  EXPECT_EQ(next, all.size() + 1);
  EXPECT_GT(missed, 0u);
  stuck_context.TryCancel();
}

TEST_F(MonitorServiceTest, MessagesStayWithinTheDefaultLimitOfAClient) {
  for (int i = 0; i < 120; ++i) Publish(1 + i * 100, 100, 1000);
  grpc::ClientContext context;
  v1::StreamEventBatchesRequest request;
  request.mutable_stream()->set_follow(false);
  request.set_max_batch_bytes(100 << 20);
  request.set_max_batch_events(1'000'000);
  const auto reader = stub_->StreamEventBatches(&context, request);
  size_t largest = 0;
  size_t events = 0;
  for (v1::StreamEventBatchesResponse batch; reader->Read(&batch);) {
    largest = std::max(largest, batch.ByteSizeLong());
    events += static_cast<size_t>(batch.events_size());
    EXPECT_LE(batch.events_size(), 256);
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(events, 12'002u);
  EXPECT_LE(largest, 1u << 20);
}

TEST_F(MonitorServiceTest, ClientThatVanishesLeavesNothingBehind) {
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    const auto reader = stub_->StreamEvents(&context, Live());
    v1::CollectionEvent event;
    ASSERT_TRUE(reader->Read(&event));
    context.TryCancel();
  }
  AwaitIdle();
  server_->Shutdown(absl::Milliseconds(200));  // what was let go of is gone
  EXPECT_THAT(backend_->bus().statistics().subscribers, SizeIs(0));
  EXPECT_EQ(service_->loop().member_count(), 0u);
}

TEST_F(MonitorServiceTest, HeartbeatsCome) {
  grpc::ClientContext context;
  v1::StreamEventsRequest request = Live();
  request.mutable_heartbeat_interval()->set_seconds(1);
  const auto reader = stub_->StreamEvents(&context, request);
  v1::CollectionEvent event;
  ASSERT_TRUE(reader->Read(&event));
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_TRUE(event.control().has_heartbeat());
  context.TryCancel();
}

TEST_F(MonitorServiceTest, SubscribersAreBoundedAndTheRestToldWhenToTryAgain) {
  Start({.max_subscribers = 2});
  grpc::ClientContext contexts[3];
  std::unique_ptr<grpc::ClientReader<v1::CollectionEvent>> readers[3];
  v1::CollectionEvent event;
  for (int i = 0; i < 2; ++i) {
    readers[i] = stub_->StreamEvents(&contexts[i], Live());
    ASSERT_TRUE(readers[i]->Read(&event));
  }
  readers[2] = stub_->StreamEvents(&contexts[2], Live());
  EXPECT_FALSE(readers[2]->Read(&event));
  const absl::Status status = rpc::FromGrpc(readers[2]->Finish());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::RetryDelay(status), absl::Seconds(1));
  for (auto& context : contexts) context.TryCancel();
}

TEST_F(MonitorServiceTest, StatusAccountsForEverySubscriber) {
  grpc::ClientContext context;
  v1::StreamEventsRequest request = Live();
  request.set_client_id("me");
  const auto reader = stub_->StreamEvents(&context, request);
  v1::CollectionEvent event;
  ASSERT_TRUE(reader->Read(&event));
  Publish(1, 3);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(reader->Read(&event));
  grpc::ClientContext status_context;
  v1::GetStatusResponse status;
  ASSERT_TRUE(stub_->GetStatus(&status_context, {}, &status).ok());
  EXPECT_EQ(status.monitor(), "fakemond");
  ASSERT_THAT(status.accounting().subscribers(), SizeIs(1));
  EXPECT_EQ(status.accounting().subscribers(0).client_id(), "me");
  EXPECT_EQ(status.accounting().subscribers(0).delivered(), 3u);
  context.TryCancel();
}

TEST_F(MonitorServiceTest, TaskStreamsItsRecordsThenTheSummary) {
  backend_->on_task = [](std::stop_token, const std::function<bool(v1::CollectionEvent)>& emit) {
    for (uint32_t pid = 1; pid <= 1000; ++pid) {
      v1::CollectionEvent event;
      event.mutable_process()->set_pid(pid);
      EXPECT_TRUE(emit(std::move(event)));
    }
    return absl::OkStatus();
  };
  v1::ExecuteTaskRequest request;
  request.set_task_id("t1");
  request.set_type(v1::TASK_TYPE_ENUMERATE_PROCESSES);
  grpc::ClientContext context;
  const auto reader = stub_->ExecuteTask(&context, request);
  v1::ExecuteTaskResponse response;
  for (uint32_t pid = 1; pid <= 1000; ++pid) {
    ASSERT_TRUE(reader->Read(&response));
    EXPECT_EQ(response.task_id(), "t1");
    ASSERT_EQ(response.record().process().pid(), pid);
  }
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.summary().records(), 1000u);
  EXPECT_TRUE(response.summary().completeness().complete());
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(MonitorServiceTest, TaskErrorEndsTheCallAndTasksAreBounded) {
  backend_->on_task = [](std::stop_token, const auto&) {
    return absl::FailedPreconditionError("nobody watches networks");
  };
  v1::ExecuteTaskRequest request;
  request.set_type(v1::TASK_TYPE_MONITOR_NETWORK_CONNECTIONS);
  v1::ExecuteTaskResponse response;
  {
    grpc::ClientContext context;
    const auto reader = stub_->ExecuteTask(&context, request);
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_EQ(reader->Finish().error_code(), grpc::FAILED_PRECONDITION);
  }
  backend_->on_task = [](std::stop_token, const std::function<bool(v1::CollectionEvent)>& emit) {
    while (emit({})) {
    }
    return absl::OkStatus();
  };
  grpc::ClientContext contexts[5];
  std::unique_ptr<grpc::ClientReader<v1::ExecuteTaskResponse>> readers[5];
  for (int i = 0; i < 4; ++i) {
    readers[i] = stub_->ExecuteTask(&contexts[i], request);
    ASSERT_TRUE(readers[i]->Read(&response));
  }
  readers[4] = stub_->ExecuteTask(&contexts[4], request);
  EXPECT_FALSE(readers[4]->Read(&response));
  EXPECT_EQ(readers[4]->Finish().error_code(), grpc::RESOURCE_EXHAUSTED);
  for (auto& context : contexts) context.TryCancel();
  AwaitIdle();
}

TEST_F(MonitorServiceTest, DrainEndsEverythingUnavailableWithinItsDeadline) {
  backend_->on_task = [](std::stop_token, const std::function<bool(v1::CollectionEvent)>& emit) {
    while (emit({})) {
    }
    return absl::OkStatus();
  };
  v1::CollectionEvent event;
  grpc::ClientContext stream_context;
  const auto stream = stub_->StreamEvents(&stream_context, Live());
  ASSERT_TRUE(stream->Read(&event));
  v1::ExecuteTaskResponse response;
  grpc::ClientContext task_context;
  v1::ExecuteTaskRequest request;
  request.set_type(v1::TASK_TYPE_ENUMERATE_PROCESSES);
  const auto task = stub_->ExecuteTask(&task_context, request);
  ASSERT_TRUE(task->Read(&response));
  Publish(1, 2);
  service_->Drain();
  EXPECT_TRUE(stream->Read(&event));
  EXPECT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.sequence(), 2u);
  EXPECT_FALSE(stream->Read(&event));
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
  while (task->Read(&response)) {
  }
  EXPECT_EQ(task->Finish().error_code(), grpc::UNAVAILABLE);
  grpc::ClientContext late_context;
  const auto late = stub_->StreamEvents(&late_context, Live());
  EXPECT_FALSE(late->Read(&event));
  EXPECT_EQ(late->Finish().error_code(), grpc::UNAVAILABLE);
}

TEST_F(MonitorServiceTest, ShutdownDoesNotWaitForAReaderThatNeverReads) {
  grpc::ClientContext context;
  const auto stuck = stub_->StreamEvents(&context, Live());
  v1::CollectionEvent started;
  ASSERT_TRUE(stuck->Read(&started));
  for (int i = 0; i < 50; ++i) Publish(1 + i * 100, 100, 1000);
  const absl::Time start = absl::Now();
  service_->Drain();
  server_->Shutdown(absl::Milliseconds(200));
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
  EXPECT_EQ(service_->stream_count(), 0u);
}

}  // namespace
}  // namespace daemoneye::monitor
