#include "libs/alerting/alertmanager_sink.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "libs/alerting/alert_sink_conformance.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/alerting/sink_worker.h"
#include "tests/support/http_server.h"

namespace daemoneye::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::HttpReply;
using testing_support::HttpRequest;
using testing_support::HttpServer;
using Json = nlohmann::json;

std::string WriteSecret(const std::string& text) {
  static int number = 0;
  const std::string path = ::testing::TempDir() + "secret-" + std::to_string(::getpid()) + "-" +
                           std::to_string(++number);
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
  return path;
}

std::vector<std::string> TitlesOf(const HttpRequest& request) {
  std::vector<std::string> titles;
  for (const Json& alert : Json::parse(request.body)) {
    titles.push_back(alert["annotations"]["summary"]);
  }
  return titles;
}

// A server that answers as it is told, and a sink that posts to it.
class AlertmanagerFixture {
 public:
  explicit AlertmanagerFixture(HttpServer::Handler handler =
                                   [](const HttpRequest&) { return HttpReply{}; })
      : server_(std::move(handler)) {}

  std::unique_ptr<AlertSink> Make() { return Make({.urls = {server_.url() + "/"}}); }
  static std::unique_ptr<AlertSink> Make(AlertmanagerOptions options) {
    return *AlertmanagerSink::Create(std::move(options), base::Clock::Real());
  }
  // Of what was posted, answered well or not.
  std::vector<std::string> Titles() {
    std::vector<std::string> titles;
    for (const HttpRequest& request : server_.requests()) {
      for (const std::string& title : TitlesOf(request)) titles.push_back(title);
    }
    return titles;
  }

  HttpServer server_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Alertmanager, AlertSinkConformance, AlertmanagerFixture);

DeliveryResult DeliverOne(AlertSink& sink) {
  const v1::Alert alert = AlertNumber(1);
  return sink.Deliver({&alert, 1}, {});
}

TEST(AlertmanagerSinkTest, PostsManyAtOnceToTheV2Api) {
  AlertmanagerFixture fixture;
  const std::vector<v1::Alert> alerts = {AlertNumber(1), AlertNumber(2), AlertNumber(3)};
  EXPECT_EQ(fixture.Make()->Deliver(alerts, {}).delivered, 3u);
  ASSERT_EQ(fixture.server_.requests().size(), 1u);
  const HttpRequest request = fixture.server_.requests()[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/hook/api/v2/alerts");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_FALSE(request.headers.contains("authorization"));
  EXPECT_THAT(TitlesOf(request), ElementsAre("title-1", "title-2", "title-3"));
}

TEST(AlertmanagerSinkTest, ARequestIsBounded) {
  AlertmanagerFixture fixture;
  std::vector<v1::Alert> alerts;
  for (uint64_t i = 1; i <= 64; ++i) {
    alerts.push_back(AlertNumber(i));
    (*alerts.back().mutable_details())["a"] = std::string(60'000, 'x');
  }
  const DeliveryResult result = fixture.Make()->Deliver(alerts, {});
  EXPECT_TRUE(result.status.ok());
  EXPECT_GE(result.delivered, 1u);
  EXPECT_LE(result.delivered, 8u);
}

TEST(AlertmanagerSinkTest, AnswersDecideBetweenDeliveredRefusedAndAgain) {
  using Code = absl::StatusCode;
  const struct {
    int code;
    Code status;
  } cases[] = {{200, Code::kOk},
               {400, Code::kInvalidArgument},
               {413, Code::kInvalidArgument},
               {422, Code::kInvalidArgument},
               {401, Code::kUnavailable},
               {429, Code::kUnavailable},
               {302, Code::kUnavailable},
               {500, Code::kUnavailable},
               {503, Code::kUnavailable}};
  for (const auto& c : cases) {
    AlertmanagerFixture fixture([&](const HttpRequest&) { return HttpReply{.code = c.code}; });
    const DeliveryResult result = DeliverOne(*fixture.Make());
    EXPECT_EQ(result.status.code(), c.status) << c.code << " " << result.status;
    EXPECT_EQ(result.delivered, c.status == Code::kOk ? 1u : 0u);
  }
  AlertmanagerFixture cutting([](const HttpRequest&) { return HttpReply{.cuts = true}; });
  EXPECT_TRUE(absl::IsUnavailable(DeliverOne(*cutting.Make()).status));
  cutting.server_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(DeliverOne(*cutting.Make()).status));
  AlertmanagerFixture hanging([](const HttpRequest&) { return HttpReply{.hangs = true}; });
  const auto sink = AlertmanagerFixture::Make(
      {.urls = {hanging.server_.url()}, .http = {.timeout = absl::Milliseconds(200)}});
  EXPECT_TRUE(absl::IsDeadlineExceeded(DeliverOne(*sink).status));
}

// The one that is refused becomes a dead letter, all the others arrive.
TEST(AlertmanagerSinkTest, OneThatIsRefusedIsNoOtherOnesEnd) {
  std::vector<std::string> taken;  // of the server's thread until the worker has stopped
  AlertmanagerFixture fixture([&](const HttpRequest& request) -> HttpReply {
    const std::vector<std::string> titles = TitlesOf(request);
    if (std::ranges::find(titles, "title-7") != titles.end()) return {.code = 400};
    taken.insert(taken.end(), titles.begin(), titles.end());
    return {};
  });
  MemoryAlertStore store;
  const std::vector<std::string> sinks = {"am"};
  std::vector<std::string> expected;
  for (uint64_t i = 1; i <= 20; ++i) {
    v1::Alert alert = AlertNumber(i);
    ASSERT_TRUE(store.Append(alert, sinks, absl::Now()).ok());
    if (i != 7) expected.push_back(alert.title());
  }
  SinkWorker worker("am", fixture.Make(), store, base::Clock::Real(), {});
  worker.Start(20);
  worker.AwaitIdle(base::Monotonic::max());
  worker.Stop();
  EXPECT_EQ(taken, expected);
  EXPECT_EQ(store.Outbox("am")->dead, 1u);
  EXPECT_EQ(store.Outbox("am")->pending, 0u);
  EXPECT_EQ(worker.status().breaker, BreakerState::kClosed);
}

TEST(AlertmanagerSinkTest, EveryMemberOfAClusterGetsItAndOneIsEnough) {
  AlertmanagerFixture first, second;
  const auto sink =
      AlertmanagerFixture::Make({.urls = {first.server_.url(), second.server_.url()}});
  EXPECT_EQ(DeliverOne(*sink).delivered, 1u);
  EXPECT_THAT(first.Titles(), ElementsAre("title-1"));
  EXPECT_THAT(second.Titles(), ElementsAre("title-1"));
  first.server_.Stop();
  EXPECT_EQ(DeliverOne(*sink).delivered, 1u);
  second.server_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(DeliverOne(*sink).status));
}

// A member that is away may come back and take what another one refuses.
TEST(AlertmanagerSinkTest, RefusedForGoodIsWhatEveryMemberRefuses) {
  AlertmanagerFixture refusing([](const HttpRequest&) { return HttpReply{.code = 400}; });
  AlertmanagerFixture away([](const HttpRequest&) { return HttpReply{.code = 503}; });
  const std::string a = refusing.server_.url(), b = away.server_.url();
  for (const auto& urls : {std::vector<std::string>{a, b}, {b, a}}) {
    EXPECT_TRUE(absl::IsUnavailable(DeliverOne(*AlertmanagerFixture::Make({.urls = urls})).status));
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(DeliverOne(*AlertmanagerFixture::Make({.urls = {a, a}})).status));
}

TEST(AlertmanagerSinkTest, SaysWhoItIsAndReadsSecretsAnewAtAReopen) {
  AlertmanagerFixture fixture;
  const std::string password = WriteSecret("open sesame\n");
  const auto basic = AlertmanagerFixture::Make(
      {.urls = {fixture.server_.url()}, .username = "ali", .password_file = password});
  const std::string token = WriteSecret("abc");
  const auto bearer =
      AlertmanagerFixture::Make({.urls = {fixture.server_.url()}, .bearer_token_file = token});
  ASSERT_TRUE(DeliverOne(*basic).status.ok());
  ASSERT_TRUE(DeliverOne(*bearer).status.ok());
  std::ofstream(token) << "def";
  bearer->Reopen();
  ASSERT_TRUE(DeliverOne(*bearer).status.ok());
  ASSERT_EQ(::chmod(token.c_str(), 0644), 0);
  bearer->Reopen();
  EXPECT_TRUE(absl::IsUnavailable(DeliverOne(*bearer).status)) << "it is the file that is wrong";
  std::vector<std::string> sent;
  for (const HttpRequest& request : fixture.server_.requests()) {
    sent.push_back(request.headers.at("authorization"));
  }
  EXPECT_THAT(sent, ElementsAre("Basic YWxpOm9wZW4gc2VzYW1l", "Bearer abc", "Bearer def"));
}

TEST(AlertmanagerSinkTest, RefusesSecretsThatAreNone) {
  const auto error = [](AlertmanagerOptions options) {
    return std::string(
        AlertmanagerSink::Create(std::move(options), base::Clock::Real()).status().message());
  };
  EXPECT_THAT(error({.urls = {"https://h"}, .bearer_token_file = "/nowhere"}),
              HasSubstr("bearer_token_file: cannot read /nowhere"));
  EXPECT_THAT(
      error({.urls = {"https://h"}, .username = "u", .password_file = WriteSecret("a\r\nX: b")}),
      HasSubstr("password_file: "));
}

TEST(AlertmanagerSinkTest, StopsInTheMiddleOfARequestThatHangs) {
  AlertmanagerFixture fixture([](const HttpRequest&) { return HttpReply{.hangs = true}; });
  MemoryAlertStore store;
  v1::Alert alert = AlertNumber(1);
  ASSERT_TRUE(store.Append(alert, std::vector<std::string>{"am"}, absl::Now()).ok());
  SinkWorker worker("am",
                    AlertmanagerFixture::Make(
                        {.urls = {fixture.server_.url()}, .http = {.timeout = absl::Seconds(300)}}),
                    store, base::Clock::Real(), {});
  worker.Start(1);
  fixture.server_.AwaitRequests(1);
  worker.Stop();
  EXPECT_EQ(store.Outbox("am")->pending, 1u);
  EXPECT_THAT(worker.status().last_error, IsEmpty());
}

}  // namespace
}  // namespace daemoneye::alerting
