// The real binary against an AlertService whose answers are written down.

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemoneye/v1/alert_service.grpc.pb.h"
#include "libs/base/mutex.h"
#include "tools/eyectl/running_eyectl.h"

namespace daemoneye::eyectl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

v1::Alert Shell(uint64_t sequence) {
  auto alert = Parse<v1::Alert>(R"(
      id: "f0000000-0000-4000-8000-000000000001" severity: SEVERITY_HIGH title: "A shell\x1b[2J"
      trigger_id: "web-shell" host: "h1" process_name: "sh" pid: 12 suppressed: 4
      evidence { monitor: "procmond" host: "h1" stream_id: "s-1" sequence: 5 }
      attack_ids: "T1505.003" completeness { reasons: "gap on h2" } state: ALERT_STATE_OPEN)");
  alert.set_sequence(sequence);
  return alert;
}

class FakeAlerts final : public v1::AlertService::Service {
 public:
  FakeAlerts() {
    char name[] = "/tmp/eyectl_test.XXXXXX";  // a socket's path is bounded
    folder_ = ::mkdtemp(name);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeAlerts() override {
    server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }
  std::string address() const { return "unix://" + folder_ + "/s"; }
  std::string asked() const {
    const base::MutexLock lock(mu_);
    return asked_;
  }

  grpc::Status ListAlerts(grpc::ServerContext*, const v1::ListAlertsRequest* request,
                          v1::ListAlertsResponse* response) override {
    Note(*request);
    const uint64_t sequence = request->page_token().empty() ? 3 : std::stoul(request->page_token());
    if (sequence == 0) return grpc::Status::OK;
    *response->add_alerts() = Shell(sequence);
    response->set_next_page_token(sequence == 1 ? "" : std::to_string(sequence - 1));
    return grpc::Status::OK;
  }
  grpc::Status StreamAlerts(grpc::ServerContext*, const v1::StreamAlertsRequest* request,
                            grpc::ServerWriter<v1::StreamAlertsResponse>* writer) override {
    Note(*request);
    for (const char* text : {"heartbeat: 9", "missed_up_to: 7"}) {
      writer->Write(Parse<v1::StreamAlertsResponse>(text));
    }
    v1::StreamAlertsResponse alert;
    *alert.mutable_alert() = Shell(8);
    writer->Write(alert);
    return {grpc::StatusCode::UNAVAILABLE, "going down"};
  }
  grpc::Status AcknowledgeAlert(grpc::ServerContext*, const v1::AcknowledgeAlertRequest* request,
                                v1::AcknowledgeAlertResponse* response) override {
    Note(*request);
    if (request->id() != Shell(1).id()) return {grpc::StatusCode::NOT_FOUND, "no alert"};
    *response->mutable_alert() = Shell(1);
    response->mutable_alert()->set_state(v1::ALERT_STATE_ACKNOWLEDGED);
    response->mutable_alert()->set_acknowledged_by(request->acknowledged_by());
    response->mutable_alert()->set_comment(request->comment());
    return grpc::Status::OK;
  }

  grpc::Status ListDeadLetters(grpc::ServerContext*, const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override {
    Note(*request);
    v1::DeadLetter& letter = *response->add_dead_letters();
    letter = Parse<v1::DeadLetter>(R"(sink: "pager" attempts: 3 last_error: "HTTP 400: \x1b")");
    const bool is_first = request->page_token().empty();
    *letter.mutable_alert() = Shell(is_first ? 1 : 2);
    if (is_first) response->set_next_page_token("pager/1");
    return grpc::Status::OK;
  }
  grpc::Status ReplayDeadLetters(grpc::ServerContext*, const v1::ReplayDeadLettersRequest* request,
                                 v1::ReplayDeadLettersResponse* response) override {
    Note(*request);
    if (request->sink() == "fax") return {grpc::StatusCode::NOT_FOUND, "sink: there is no fax"};
    response->set_replayed(request->alert_id().empty() ? 2 : 1);
    return grpc::Status::OK;
  }

 private:
  void Note(const google::protobuf::Message& request) {
    const base::MutexLock lock(mu_);
    asked_ = request.ShortDebugString();
  }

  std::string folder_;
  mutable base::Mutex mu_;
  std::string asked_ GUARDED_BY(mu_);
  std::unique_ptr<grpc::Server> server_;
};

class AlertsTest : public ::testing::Test {
 protected:
  Ended Ask(std::vector<std::string> args) {
    args.insert(args.begin(), "alerts");
    args.push_back("--address=" + server_.address());
    return RunEyectlBinary(args);
  }
  FakeAlerts server_;
};

TEST_F(AlertsTest, ListsAllPagesAsATable) {
  const Ended ended = Ask({});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("SEVERITY"), HasSubstr("A shell\\x1b[2J"),
                               HasSubstr("web-shell"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(std::ranges::count(ended.out, '\n'), 4);
}

TEST_F(AlertsTest, JsonIsAnAlertALineAndTheLimitHolds) {
  const Ended ended = Ask({"--json", "--limit=2"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  ASSERT_EQ(std::ranges::count(ended.out, '\n'), 2);
  const auto json = nlohmann::json::parse(ended.out.substr(0, ended.out.find('\n')));
  EXPECT_EQ(json["trigger_id"], "web-shell");
}

TEST_F(AlertsTest, FlagsBecomeTheFilter) {
  ASSERT_EQ(
      Ask({"--severity=high", "--trigger=a", "--trigger=b", "--host=h", "--open", "--limit=1"})
          .code,
      0);
  EXPECT_EQ(server_.asked(),
            Parse<v1::ListAlertsRequest>(
                "filter { minimum_severity: SEVERITY_HIGH trigger_ids: 'a' trigger_ids: 'b' "
                "hosts: 'h' state: ALERT_STATE_OPEN } page_size: 1")
                .ShortDebugString());
}

TEST_F(AlertsTest, FollowsWithEvidenceAndSaysWhereToGoOn) {
  const Ended ended = Ask({"--follow", "--after=3"});
  EXPECT_EQ(server_.asked(), "filter { } after_sequence: 3");
  EXPECT_NE(ended.code, 0);
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("HIGH alert 8: A shell\\x1b[2J"), HasSubstr("sh, pid 12, on h1"),
                    HasSubstr("event 5 of procmond on h1 (stream s-1)"), HasSubstr("T1505.003"),
                    HasSubstr("4 like it"), HasSubstr("gap on h2")));
  EXPECT_THAT(ended.err, AllOf(HasSubstr("alerts up to 7 are no longer kept"),
                               HasSubstr("--after=8 goes on from here"), HasSubstr("going down")));
}

TEST_F(AlertsTest, Acknowledges) {
  const Ended ended = Ask({"ack", Shell(1).id(), "--comment=a false one", "--by=ann"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("ann: a false one"));
  EXPECT_NE(Ask({"ack", "other"}).code, 0);
}

TEST_F(AlertsTest, ListsDeadLettersAndSaysWhenThereAreMore) {
  const Ended all = Ask({"dead"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, AllOf(HasSubstr("SINK"), HasSubstr("pager"), HasSubstr("HTTP 400: \\x1b"),
                             HasSubstr(Shell(1).id()), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(std::ranges::count(all.out, '\n'), 3);
  EXPECT_THAT(all.err, IsEmpty());
  const Ended one = Ask({"dead", Shell(1).id(), "--sink=pager", "--limit=1", "--json"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(nlohmann::json::parse(one.out)["last_error"], "HTTP 400: \x1b");
  EXPECT_THAT(one.err, HasSubstr("there are more"));
  EXPECT_EQ(server_.asked(),
            Parse<v1::ListDeadLettersRequest>("sink: 'pager' alert_id: "
                                              "'f0000000-0000-4000-8000-000000000001' page_size: 1")
                .ShortDebugString());
}

TEST_F(AlertsTest, ReplaysDeadLetters) {
  const Ended ended = Ask({"replay", "--sink=pager"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "2 dead letters are pending again\n");
  EXPECT_EQ(server_.asked(), "sink: \"pager\"");
  EXPECT_EQ(Ask({"replay", Shell(1).id()}).out, "1 dead letter is pending again\n");
  const Ended unknown = Ask({"replay", "--sink=fax"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("there is no fax"));
}

TEST_F(AlertsTest, WrongUsageIsTwo) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{"nack", "x"},
                                               {"ack"},
                                               {"ack", "a", "b"},
                                               {"--after=3"},
                                               {"--for=3s"},
                                               {"--severity=bad"},
                                               {"--comment=x"},
                                               {"ack", "a", "--follow"},
                                               {"--sink=pager"},
                                               {"replay"},
                                               {"replay", "a", "b"},
                                               {"dead", "a", "b"},
                                               {"dead", "--follow"},
                                               {"dead", "--open"},
                                               {"dead", "--by=me"}}) {
    const Ended ended = Ask(args);
    EXPECT_EQ(ended.code, 2) << args[0];
    EXPECT_THAT(ended.err, Not(IsEmpty()));
  }
}

}  // namespace
}  // namespace daemoneye::eyectl
