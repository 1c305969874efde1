#include "libs/alerting/webhook_sink.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "libs/alerting/alert_sink_conformance.h"
#include "libs/alerting/hmac.h"
#include "libs/alerting/memory_alert_store.h"
#include "libs/alerting/sink_worker.h"
#include "tests/support/http_server.h"

namespace daemoneye::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::HttpReply;
using testing_support::HttpRequest;
using testing_support::HttpServer;

constexpr char kSecret[] = "correct horse battery staple";

std::string WriteSecret(const std::string& text, mode_t mode = 0600) {
  static int number = 0;
  const std::string path =
      std::string(std::getenv("TEST_TMPDIR")) + "/secret" + std::to_string(++number);
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

std::string TitleOf(const HttpRequest& request) {
  return nlohmann::json::parse(request.body)["title"];
}

// A server that answers as it is told, and a sink that posts to it.
class WebhookFixture {
 public:
  explicit WebhookFixture(HttpServer::Handler handler =
                              [](const HttpRequest&) { return HttpReply{}; })
      : server_(std::move(handler)) {}

  std::unique_ptr<AlertSink> Make() {
    return *WebhookSink::Create({.url = server_.url(),
                                 .secret_file = WriteSecret(std::string(kSecret) + "\n"),
                                 .http = {.timeout = timeout_}},
                                base::Clock::Real());
  }
  std::vector<std::string> Titles() {
    std::vector<std::string> titles;
    for (const HttpRequest& request : server_.requests()) titles.push_back(TitleOf(request));
    return titles;
  }

  absl::Duration timeout_ = absl::Seconds(10);
  HttpServer server_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Webhook, AlertSinkConformance, WebhookFixture);

DeliveryResult DeliverOne(AlertSink& sink) {
  const v1::Alert alert = AlertNumber(1);
  return sink.Deliver({&alert, 1}, {});
}

TEST(WebhookSinkTest, SignsTimestampAndBody) {
  WebhookFixture fixture;
  ASSERT_TRUE(DeliverOne(*fixture.Make()).status.ok());
  const HttpRequest request = fixture.server_.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/hook");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_EQ(request.headers.at("x-daemoneye-alert-id"), "id-1");
  const std::string& timestamp = request.headers.at("x-daemoneye-timestamp");
  EXPECT_NEAR(std::stod(timestamp), absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), 60);
  EXPECT_EQ(request.headers.at("x-daemoneye-signature"),
            "v1=" + *HmacSha256Hex(kSecret, timestamp + "." + request.body));
}

TEST(WebhookSinkTest, AnswersDecideBetweenDeliveredRefusedAndAgain) {
  using Code = absl::StatusCode;
  const struct {
    int code;
    Code status;
  } cases[] = {{200, Code::kOk},
               {204, Code::kOk},
               {301, Code::kUnavailable},
               {307, Code::kUnavailable},
               {400, Code::kInvalidArgument},
               {404, Code::kInvalidArgument},
               {410, Code::kInvalidArgument},
               {422, Code::kInvalidArgument},
               {401, Code::kUnavailable},
               {403, Code::kUnavailable},
               {408, Code::kUnavailable},
               {429, Code::kUnavailable},
               {500, Code::kUnavailable},
               {503, Code::kUnavailable}};
  for (const auto& c : cases) {
    WebhookFixture fixture([&](const HttpRequest&) {
      return HttpReply{.code = c.code, .body = "why\x1b", .headers = "Location: /other\r\n"};
    });
    const DeliveryResult result = DeliverOne(*fixture.Make());
    EXPECT_EQ(result.status.code(), c.status) << c.code << " " << result.status;
    EXPECT_EQ(result.delivered, c.status == Code::kOk ? 1u : 0u);
    EXPECT_EQ(fixture.server_.requests().size(), 1u) << "a redirect was followed: " << c.code;
    if (c.code >= 400) {
      EXPECT_THAT(std::string(result.status.message()),
                  HasSubstr("HTTP " + std::to_string(c.code) + ": why"));
    }
  }
}

TEST(WebhookSinkTest, ReadsNoEndlessAnswer) {
  WebhookFixture fixture(
      [](const HttpRequest&) { return HttpReply{.body = std::string(50 << 20, 'x')}; });
  EXPECT_TRUE(DeliverOne(*fixture.Make()).status.ok());
  WebhookFixture failing([](const HttpRequest&) {
    return HttpReply{.code = 500, .body = std::string(50 << 20, 'x')};
  });
  const absl::Status status = DeliverOne(*failing.Make()).status;
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_LE(status.message().size(), 300u);
}

TEST(WebhookSinkTest, AServerThatHangsIsATimeout) {
  WebhookFixture fixture([](const HttpRequest&) { return HttpReply{.hangs = true}; });
  fixture.timeout_ = absl::Milliseconds(200);
  EXPECT_TRUE(absl::IsDeadlineExceeded(DeliverOne(*fixture.Make()).status));
}

TEST(WebhookSinkTest, StopsInTheMiddleOfARequestThatHangs) {
  WebhookFixture fixture([](const HttpRequest&) { return HttpReply{.hangs = true}; });
  fixture.timeout_ = absl::Seconds(300);
  const auto sink = fixture.Make();
  std::stop_source stop;
  absl::Status status;
  std::jthread deliverer([&] {
    const v1::Alert alert = AlertNumber(1);
    status = sink->Deliver({&alert, 1}, stop.get_token()).status;
  });
  fixture.server_.AwaitRequests(1);
  stop.request_stop();
  deliverer.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST(WebhookSinkTest, AServerThatIsNotThereOrCutsOffIsUnavailable) {
  WebhookFixture cutting([](const HttpRequest&) { return HttpReply{.cuts = true}; });
  EXPECT_TRUE(absl::IsUnavailable(DeliverOne(*cutting.Make()).status));
  cutting.server_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(DeliverOne(*cutting.Make()).status));
}

TEST(WebhookSinkTest, TakesASecretThatChangedAtAReopen) {
  WebhookFixture fixture;
  const std::string path = WriteSecret("old");
  const auto sink = *WebhookSink::Create({.url = fixture.server_.url(), .secret_file = path},
                                         base::Clock::Real());
  std::ofstream(path) << "new";
  sink->Reopen();
  ASSERT_TRUE(DeliverOne(*sink).status.ok());
  const HttpRequest request = fixture.server_.requests().at(0);
  EXPECT_EQ(request.headers.at("x-daemoneye-signature"),
            "v1=" + *HmacSha256Hex(
                        "new", request.headers.at("x-daemoneye-timestamp") + "." + request.body));
}

// Everything that a receiver can do to a sender, in one run.
TEST(WebhookSinkTest, EveryAlertArrivesInOrderThroughFailuresHangsAndAnOutage) {
  constexpr uint64_t kAlerts = 40;
  int number = 0;
  WebhookFixture fixture([&](const HttpRequest&) -> HttpReply {
    switch (++number % 7) {
      case 2:
        return {.code = 500};
      case 4:
        return {.hangs = true};
      case 6:
        return {.cuts = true};
      default:
        return {};
    }
  });
  fixture.timeout_ = absl::Milliseconds(100);
  MemoryAlertStore store;
  const std::vector<std::string> sinks = {"pager"};
  SinkWorker worker("pager", fixture.Make(), store, base::Clock::Real(),
                    {.first_backoff = absl::Milliseconds(1), .max_backoff = absl::Milliseconds(5)});
  worker.Start(0);
  for (uint64_t i = 1; i <= kAlerts; ++i) {
    v1::Alert alert = AlertNumber(i);
    ASSERT_TRUE(store.Append(alert, sinks, absl::Now()).ok());
    worker.Notify();
    if (i == kAlerts / 2) {
      fixture.server_.Stop();
    } else if (i == kAlerts * 3 / 4) {
      fixture.server_.Start();
    }
  }
  using base::operator+;
  while (true) {
    const size_t before = fixture.server_.requests().size();
    worker.AwaitIdle(base::Clock::Real().MonotonicNow() + absl::Hours(1));
    if (store.Outbox("pager")->pending == 0) break;
    fixture.server_.AwaitRequests(before + 1);  // it has failed, and tries again
  }
  worker.Stop();
  // Each once or more, the first time of each in order.
  std::vector<std::string> first_times, expected;
  std::set<std::string> seen;
  for (const std::string& title : fixture.Titles()) {
    if (seen.insert(title).second) first_times.push_back(title);
  }
  for (uint64_t i = 1; i <= kAlerts; ++i) expected.push_back("title-" + std::to_string(i));
  EXPECT_EQ(first_times, expected);
  EXPECT_EQ(worker.status().delivered, kAlerts);
  EXPECT_GT(worker.status().failed, 0u);
}

}  // namespace
}  // namespace daemoneye::alerting
