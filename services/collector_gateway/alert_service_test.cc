#include "services/collector_gateway/alert_service.h"

#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "libs/alerting/fake_sink.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/event/uuid.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MemoryAudit final : public storage::AuditLog {
 public:
  absl::StatusOr<uint64_t> Append(const storage::AuditEntry& entry) override {
    const base::MutexLock lock(mu_);
    entries_.push_back(entry);
    return entries_.size();
  }
  absl::StatusOr<std::vector<storage::AuditEntry>> ReadAfter(uint64_t, size_t) const override {
    const base::MutexLock lock(mu_);
    return entries_;
  }
  absl::StatusOr<uint64_t> Prune(absl::Time, uint64_t, size_t) override { return 0; }

 private:
  mutable base::Mutex mu_;
  std::vector<storage::AuditEntry> entries_ GUARDED_BY(mu_);
};

// The service on a real server.
class AlertServiceTest : public ::testing::Test {
 protected:
  AlertServiceTest() {
    char name[] = "/tmp/alert_service.XXXXXX";
    folder_ = ::mkdtemp(name);
    const std::string address = "unix://" + folder_ + "/s";
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    stub_ = v1::AlertService::NewStub(channel_);
  }
  ~AlertServiceTest() override {
    service_.Drain();
    server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }
  std::string Raise(v1::Severity severity = v1::SEVERITY_HIGH) {
    v1::Alert alert;
    alert.set_id(event::NewUuid());
    alert.set_severity(severity);
    EXPECT_TRUE(store_.Append(alert, {}, absl::Now()).ok());
    service_.OnAlert();
    return alert.id();
  }

  std::string folder_;
  alerting::MemoryAlertStore store_;
  MemoryAudit audit_;
  alerting::Outbox outbox_{store_, base::Clock::Real()};
  AlertService service_{store_, outbox_, &audit_, base::Clock::Real()};
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AlertService::Stub> stub_;
};

TEST_F(AlertServiceTest, ListsPageByPageNewestFirst) {
  for (int i = 0; i < 5; ++i) Raise();
  v1::ListAlertsRequest request;
  request.set_page_size(2);
  std::vector<uint64_t> sequences;
  std::vector<int> pages;
  do {
    grpc::ClientContext context;
    v1::ListAlertsResponse page;
    const grpc::Status status = stub_->ListAlerts(&context, request, &page);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const v1::Alert& alert : page.alerts()) sequences.push_back(alert.sequence());
    pages.push_back(page.alerts_size());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(sequences, ElementsAre(5, 4, 3, 2, 1));
  EXPECT_THAT(pages, ElementsAre(2, 2, 1));
}

TEST_F(AlertServiceTest, APageFitsAMessage) {
  for (int i = 0; i < 100; ++i) {
    v1::Alert alert;
    alert.set_id(event::NewUuid());
    (*alert.mutable_details())["a"] = std::string(64 << 10, 'x');
    ASSERT_TRUE(store_.Append(alert, {}, absl::Now()).ok());
  }
  grpc::ClientContext context;
  v1::ListAlertsRequest request;
  request.set_page_size(1000);
  v1::ListAlertsResponse page;
  ASSERT_TRUE(stub_->ListAlerts(&context, request, &page).ok());
  EXPECT_LE(page.ByteSizeLong(), 1u << 21);
  EXPECT_GE(page.alerts_size(), 10);
  EXPECT_FALSE(page.next_page_token().empty());
}

TEST_F(AlertServiceTest, StreamsWhatIsRaisedAndResumes) {
  Raise();
  grpc::ClientContext context;
  v1::StreamAlertsRequest request;
  request.set_after_sequence(0);
  const auto reader = stub_->StreamAlerts(&context, request);
  v1::StreamAlertsResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.heartbeat(), 1u);
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.alert().sequence(), 1u);
  Raise();
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.alert().sequence(), 2u);
  service_.Drain();
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(AlertServiceTest, AReaderThatNeverReadsCostsTheOthersNothing) {
  grpc::ClientContext lazy_context, context;
  const auto lazy = stub_->StreamAlerts(&lazy_context, v1::StreamAlertsRequest());
  const auto reader = stub_->StreamAlerts(&context, v1::StreamAlertsRequest());
  v1::StreamAlertsResponse message;
  ASSERT_TRUE(reader->Read(&message));  // open
  for (int i = 0; i < 2000; ++i) Raise();
  for (uint64_t i = 1; i <= 2000; ++i) {
    ASSERT_TRUE(reader->Read(&message));
    ASSERT_EQ(message.alert().sequence(), i);
  }
  lazy_context.TryCancel();
  context.TryCancel();
}

TEST_F(AlertServiceTest, AcknowledgesAndKeepsAnAuditRow) {
  const std::string id = Raise();
  v1::AcknowledgeAlertRequest request;
  request.set_id(id);
  request.set_comment("a false one");
  request.set_acknowledged_by("ann");
  v1::AcknowledgeAlertResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->AcknowledgeAlert(&context, request, &response).ok());
  EXPECT_EQ(response.alert().state(), v1::ALERT_STATE_ACKNOWLEDGED);
  EXPECT_EQ(response.alert().acknowledged_by(), "ann");
  request.set_id(event::NewUuid());
  grpc::ClientContext unknown;
  EXPECT_EQ(stub_->AcknowledgeAlert(&unknown, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  const auto rows = *audit_.ReadAfter(0, 10);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].method, "/daemoneye.v1.AlertService/AcknowledgeAlert");
  EXPECT_EQ(rows[0].target, id);
  EXPECT_EQ(rows[0].outcome, "OK");
  EXPECT_EQ(rows[0].role, "operator");
  EXPECT_THAT(rows[0].details, HasSubstr("by ann: a false one"));
  EXPECT_EQ(rows[1].outcome, "NOT_FOUND");
}

TEST_F(AlertServiceTest, ListsDeadLettersPageByPageAndReplaysThem) {
  alerting::SinkRecord record;
  std::vector<alerting::SinkSpec> specs;
  specs.push_back({.name = "hook", .sink = std::make_unique<alerting::FakeSink>(record)});
  ASSERT_TRUE(outbox_.SetSinks(std::move(specs)).ok());
  std::vector<std::string> ids;
  for (uint64_t i = 1; i <= 3; ++i) {
    v1::Alert alert;
    alert.set_id(event::NewUuid());
    alert.set_title(std::to_string(i));
    ids.push_back(alert.id());
    // The worker is not told of it.
    ASSERT_TRUE(store_.Append(alert, std::vector<std::string>{"hook"}, absl::Now()).ok());
    ASSERT_TRUE(store_.MarkDead("hook", i, "HTTP 400: no").ok());
  }
  v1::ListDeadLettersRequest request;
  request.set_page_size(2);
  v1::ListDeadLettersResponse page;
  const auto list = [&] {
    grpc::ClientContext context;
    const grpc::Status status = stub_->ListDeadLetters(&context, request, &page);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return page.dead_letters_size();
  };
  EXPECT_EQ(list(), 2);
  EXPECT_EQ(page.dead_letters(0).sink(), "hook");
  EXPECT_EQ(page.dead_letters(0).attempts(), 1u);
  EXPECT_EQ(page.dead_letters(0).last_error(), "HTTP 400: no");
  EXPECT_EQ(page.dead_letters(1).alert().id(), ids[1]);
  EXPECT_GT(page.dead_letters(1).queued_at().seconds(), 0);
  request.set_page_token(page.next_page_token());
  EXPECT_EQ(list(), 1);
  EXPECT_EQ(page.dead_letters(0).alert().id(), ids[2]);
  EXPECT_TRUE(page.next_page_token().empty());

  const auto replay = [&](const std::string& sink, const std::string& id, uint64_t* replayed) {
    v1::ReplayDeadLettersRequest wanted;
    wanted.set_sink(sink);
    wanted.set_alert_id(id);
    v1::ReplayDeadLettersResponse response;
    grpc::ClientContext context;
    const auto code = stub_->ReplayDeadLetters(&context, wanted, &response).error_code();
    *replayed = response.replayed();
    return code;
  };
  uint64_t replayed = 0;
  EXPECT_EQ(replay("", ids[1], &replayed), grpc::StatusCode::OK);
  EXPECT_EQ(replayed, 1u);
  EXPECT_THAT(record.AwaitTaken(1), ElementsAre("2"));
  EXPECT_EQ(replay("", ids[1], &replayed), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(replay("fax", "", &replayed), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(replay("", "", &replayed), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(replay("hook", "", &replayed), grpc::StatusCode::OK);
  EXPECT_EQ(replayed, 2u);
  EXPECT_THAT(record.AwaitTaken(3), ElementsAre("2", "1", "3"));
  outbox_.Stop(absl::ZeroDuration());
  const auto rows = *audit_.ReadAfter(0, 10);
  ASSERT_EQ(rows.size(), 4u) << "one that is not valid did nothing";
  EXPECT_EQ(rows[0].method, "/daemoneye.v1.AlertService/ReplayDeadLetters");
  EXPECT_EQ(rows[0].target, "sink=* alert=" + ids[1]);
  EXPECT_EQ(rows[0].actor, "local operator");
  EXPECT_EQ(rows[1].outcome, "NOT_FOUND");
  EXPECT_EQ(rows[3].details, "2 dead letters are pending again");
}

TEST_F(AlertServiceTest, BadRequestsAreNamed) {
  grpc::ClientContext context;
  v1::ListAlertsRequest request;
  request.set_page_token("x");
  v1::ListAlertsResponse response;
  const grpc::Status status = stub_->ListAlerts(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("page_token"));
  grpc::ClientContext stream_context;
  v1::StreamAlertsRequest beyond;
  beyond.set_after_sequence(7);
  const auto reader = stub_->StreamAlerts(&stream_context, beyond);
  v1::StreamAlertsResponse message;
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AlertServiceTest, StreamsAreBounded) {
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::StreamAlertsResponse>>> readers;
  v1::StreamAlertsResponse message;
  for (size_t i = 0; i < AlertService::kMaxStreams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(stub_->StreamAlerts(contexts.back().get(), v1::StreamAlertsRequest()));
    ASSERT_TRUE(readers.back()->Read(&message)) << i;
  }
  EXPECT_EQ(service_.stream_count(), AlertService::kMaxStreams);
  grpc::ClientContext context;
  const auto reader = stub_->StreamAlerts(&context, v1::StreamAlertsRequest());
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (const auto& c : contexts) c->TryCancel();
}

}  // namespace
}  // namespace daemoneye::gateway
