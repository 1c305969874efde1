// Alerts of the real gateway on their way: to webhooks in a flood of matches, with a receiver that
// fails, hangs and is away, a gateway that is killed in the middle, over TLS, and after they were
// refused; and to a real Alertmanager.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "libs/base/mutex.h"
#include "services/collector_gateway/fake_monitor.h"
#include "tests/e2e/triggers_fixture.h"
#include "tests/support/alertmanager.h"
#include "tests/support/certificates.h"
#include "tests/support/http_server.h"

namespace daemoneye {
namespace {

using base::MutexLock;
using gateway::FakeMonitor;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::ChildProcess;
using testing_support::HttpReply;
using testing_support::HttpRequest;
using testing_support::HttpServer;

constexpr uint64_t kEvents = 10'000;
// What is accepted of a collector in a minute.
constexpr uint64_t kRate = 100;
constexpr absl::Duration kAskAgain = absl::Milliseconds(20);
constexpr absl::Duration kPatience = absl::Seconds(60);

class AlertsTest : public testing_support::TriggersFixture {
 protected:
  AlertsTest() {
    monitor_.snapshot = [this](const v1::StreamEventsRequest&) {
      return FakeMonitor::Script{.events = {monitor_.Started(false, 1), monitor_.Complete(0)},
                                 .ends = true};
    };
    monitor_.live = [this](const v1::StreamEventsRequest& request) {
      const uint64_t next = request.resume().after_sequence() + 1;
      return FakeMonitor::Script{.events = {monitor_.Started(true, next)},
                                 .more = [this, at = std::make_shared<uint64_t>(
                                                    next)]() -> std::optional<v1::CollectionEvent> {
                                   if (*at > events_) return std::nullopt;
                                   const uint64_t sequence = (*at)++;
                                   return monitor_.Start(sequence, static_cast<uint32_t>(sequence));
                                 }};
    };
    monitor_.Start(directory_.File("m"));
  }
  ~AlertsTest() override { monitor_.Stop(); }

  void Start(const std::string& sinks) {
    // No gateway asks for it yet, or any more.
    monitor_.negotiation.set_next_sequence(events_ + 1);
    StartGateway(directory_.Socket("m"),
                 "default_triggers: false\n"
                 "triggers:\n"
                 "- {id: flood, priority: CRITICAL, rate_per_minute: 10000,"
                 " condition: {sql: name = 'fake'}}\n" +
                     sinks);
  }

  void AwaitThat(const std::function<bool()>& holds) {
    const absl::Time end = absl::Now() + kPatience;
    while (!holds() && absl::Now() < end) absl::SleepFor(kAskAgain);
    EXPECT_TRUE(holds());
  }

  uint64_t events_ = kEvents;
  FakeMonitor monitor_;
};

// A receiver that fails first and then hangs once, and remembers what it took.
class Receiver {
 public:
  std::string url() const { return server_.url(); }
  void GoAway() { server_.Stop(); }
  void ComeBack() { server_.Start(); }

  // Ids in the order they were taken, and how often.
  std::vector<std::string> taken() const {
    const MutexLock lock(mu_);
    return taken_;
  }

 private:
  HttpReply Answer(const HttpRequest& request) {
    const MutexLock lock(mu_);
    ++requests_;
    if (requests_ <= 2) return {.code = 500};
    if (requests_ == 3) return {.hangs = true};
    taken_.push_back(nlohmann::json::parse(request.body)["id"]);
    return {};
  }

  mutable base::Mutex mu_;
  int requests_ GUARDED_BY(mu_) = 0;
  std::vector<std::string> taken_ GUARDED_BY(mu_);
  HttpServer server_{[this](const HttpRequest& request) { return Answer(request); }};
};

TEST_F(AlertsTest, AFloodsAlertsAllArriveInOrderThoughReceiverAndGatewayFailInBetween) {
  Receiver receiver;
  const std::string sinks = fmt::format(
      "sinks: [{{name: hook, type: webhook, url: '{}', timeout: 1s}}]\n", receiver.url());
  Start(sinks);
  AwaitThat([&] { return StatisticsOf("flood").matched() == kEvents; });
  const v1::TriggerStatistics statistics = StatisticsOf("flood");
  EXPECT_EQ(statistics.accepted(), kRate);
  EXPECT_EQ(statistics.suppressed().at("rate_limited"), kEvents - kRate);
  EXPECT_THAT(gateway_->Metrics(),
              HasSubstr(fmt::format("daemoneye_trigger_suppressed_total{{reason=\"rate_limited\"}} "
                                    "{}",
                                    kEvents - kRate)));
  // Of the rate there is an alert of its own.
  AwaitThat([&] { return AlertsOfTrigger("flood").size() == kRate + 1; });
  std::vector<std::string> stored;
  for (const v1::Alert& alert : AlertsOfTrigger("flood")) stored.push_back(alert.id());
  EXPECT_EQ(std::ranges::count_if(AlertsOfTrigger("flood"),
                                  [](const v1::Alert& alert) {
                                    return alert.title().find("a minute") != std::string::npos;
                                  }),
            1);

  AwaitThat([&] { return receiver.taken().size() >= 20; });
  receiver.GoAway();
  gateway_->Kill();
  gateway_.reset();
  Start(sinks);
  receiver.ComeBack();
  const auto arrived = [&] {
    std::vector<std::string> ids;
    std::set<std::string> seen;
    for (const std::string& id : receiver.taken()) {
      if (seen.insert(id).second) ids.push_back(id);
    }
    return ids;
  };
  AwaitThat([&] { return arrived().size() >= stored.size(); });
  EXPECT_EQ(arrived(), stored);
  // Again come only those that were under way when the gateway was killed.
  const std::vector<std::string> taken = receiver.taken();
  for (const std::string& id : stored) EXPECT_LE(std::ranges::count(taken, id), 2) << id;
  EXPECT_EQ(AlertsOfTrigger("flood").size(), stored.size()) << "nothing was raised twice";
}

TEST_F(AlertsTest, OverTlsOnlyToWhoHasATrustedCertificateAndSigned) {
  events_ = 1;
  const testing_support::Certificates certificates;
  const testing_support::TlsFiles files = certificates.Make("localhost");
  const std::string secret = directory_.Write("secret", "correct horse\n");
  ASSERT_EQ(chmod(secret.c_str(), 0600), 0);
  ChildProcess receiver({.argv = {"/usr/bin/python3", "tests/e2e/https_receiver.py",
                                  files.certificate, files.key, "correct horse"}});
  const auto listens = receiver.AwaitLine({"listening "});
  ASSERT_TRUE(listens.has_value()) << receiver.output();
  const std::string url = "https://127.0.0.1:" + listens->substr(listens->find(' ') + 1);
  Start(fmt::format(
      "sinks:\n"
      "- {{name: trusting, type: webhook, url: '{0}', secret_file: '{1}', ca_file: '{2}'}}\n"
      "- {{name: wary, type: webhook, url: '{0}', secret_file: '{1}'}}\n",
      url, secret, files.ca));
  EXPECT_TRUE(receiver.AwaitLine({"received", "flood"}).has_value()) << receiver.output();
  EXPECT_THAT(receiver.output(), Not(HasSubstr("BAD")));
  AwaitThat([&] {
    const std::string page = gateway_->Metrics();
    return page.find("alert_deliveries_total{sink=\"trusting\",status=\"delivered\"} 1") !=
               std::string::npos &&
           page.find("alert_deliveries_total{sink=\"wary\",status=\"failed\"} 0") ==
               std::string::npos;
  });
  EXPECT_THAT(gateway_->Metrics(),
              HasSubstr("alert_deliveries_total{sink=\"wary\",status=\"delivered\"} 0"));
}

// Every alert that `alertmanager` knows, by process.
std::map<std::string, nlohmann::json> KnownAlerts(
    const testing_support::Alertmanager& alertmanager) {
  std::map<std::string, nlohmann::json> known;
  for (const nlohmann::json& alert : alertmanager.Get("alerts")) {
    const std::string key = alert["labels"]["process_key"];
    EXPECT_FALSE(known.contains(key)) << "twice: " << alert;
    known[key] = alert;
  }
  return known;
}

constexpr char kNoAlertmanager[] = "no Alertmanager: apt-get install prometheus-alertmanager";

TEST_F(AlertsTest, AreKnownToARealAlertmanagerByTheirLabels) {
  if (!testing_support::Alertmanager::IsInstalled()) GTEST_SKIP() << kNoAlertmanager;
  events_ = 3;
  testing_support::Alertmanager alertmanager;
  ASSERT_NO_FATAL_FAILURE(alertmanager.Start());
  Start(
      fmt::format("sinks: [{{name: am, type: alertmanager, url: '{}', resolve_after: 10m,"
                  " generator_url: 'https://wiki/{{alert_id}}'}}]\n",
                  alertmanager.url()));
  AwaitThat([&] { return KnownAlerts(alertmanager).size() == events_; });
  const auto known = KnownAlerts(alertmanager);
  const std::vector<v1::Alert> stored = AlertsOfTrigger("flood");
  ASSERT_EQ(stored.size(), events_);
  for (const v1::Alert& alert : stored) {
    ASSERT_TRUE(known.contains(alert.process_key())) << alert.ShortDebugString();
    const nlohmann::json& json = known.at(alert.process_key());
    EXPECT_EQ(json["labels"], (nlohmann::json{{"alertname", "flood"},
                                              {"rule", "trigger"},
                                              {"severity", "medium"},
                                              {"host", alert.host()},
                                              {"process_name", "fake"},
                                              {"process_key", alert.process_key()},
                                              {"source", "daemoneye"}}));
    EXPECT_EQ(json["annotations"]["alert_id"], alert.id());
    EXPECT_EQ(json["annotations"]["summary"], alert.title());
    EXPECT_EQ(json["annotations"]["correlation_id"], alert.correlation_id());
    EXPECT_EQ(json["generatorURL"], "https://wiki/" + alert.id());
    EXPECT_EQ(json["status"]["state"], "active");
    absl::Time starts, ends;
    ASSERT_TRUE(
        absl::ParseTime(absl::RFC3339_full, std::string(json["startsAt"]), &starts, nullptr));
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, std::string(json["endsAt"]), &ends, nullptr));
    EXPECT_EQ(absl::ToUnixSeconds(starts), alert.time().seconds());
    EXPECT_GE(ends - starts, absl::Minutes(10));
  }
  // Its grouping works on them.
  const nlohmann::json groups = alertmanager.Get("alerts/groups");
  ASSERT_EQ(groups.size(), 1u) << groups;
  EXPECT_EQ(groups[0]["labels"]["alertname"], "flood");
  EXPECT_EQ(groups[0]["alerts"].size(), events_);
}

TEST_F(AlertsTest, ReachAnAlertmanagerThatWasAwayOnceAndEveryOneOfThem) {
  if (!testing_support::Alertmanager::IsInstalled()) GTEST_SKIP() << kNoAlertmanager;
  events_ = 20;
  testing_support::Alertmanager alertmanager;
  ASSERT_NO_FATAL_FAILURE(alertmanager.Start());
  alertmanager.Stop();
  Start(fmt::format("sinks: [{{name: am, type: alertmanager, url: '{}'}}]\n", alertmanager.url()));
  AwaitThat([&] {
    return AlertsOfTrigger("flood").size() == events_ &&
           gateway_->Metrics().find("alert_deliveries_total{sink=\"am\",status=\"failed\"} 0") ==
               std::string::npos;
  });
  ASSERT_NO_FATAL_FAILURE(alertmanager.Start());
  AwaitThat([&] { return KnownAlerts(alertmanager).size() == events_; });
  // Each was delivered once, and nothing is left.
  EXPECT_THAT(gateway_->Metrics(), HasSubstr(fmt::format("alert_deliveries_total{{sink=\"am\","
                                                         "status=\"delivered\"}} {}",
                                                         events_)));
  EXPECT_THAT(gateway_->Metrics(), HasSubstr("alert_outbox_length{sink=\"am\"} 0"));
}

TEST_F(AlertsTest, RefusedForGoodAreDeadLettersUntilTheyAreReplayed) {
  events_ = 2;
  std::atomic<bool> is_mended = false;
  HttpServer receiver([&](const HttpRequest&) {
    return is_mended ? HttpReply{} : HttpReply{.code = 400, .body = "no such field"};
  });
  Start(fmt::format("sinks: [{{name: hook, type: webhook, url: '{}'}}]\n", receiver.url()));
  const auto eyectl = [&](std::vector<std::string> arguments, const std::string& socket) {
    arguments.insert(arguments.begin(), {testing_support::kEyectl, "alerts"});
    arguments.push_back("--address=" + directory_.Socket(socket));
    return testing_support::RunToEnd({.argv = arguments, .environment = {}, .user = {}});
  };
  AwaitThat([&] {
    return gateway_->Metrics().find("alert_deliveries_total{sink=\"hook\",status=\"dead\"} 2") !=
           std::string::npos;
  });
  const std::vector<v1::Alert> stored = AlertsOfTrigger("flood");
  ASSERT_EQ(stored.size(), 2u);
  const testing_support::Ended dead = eyectl({"dead"}, "g");
  EXPECT_EQ(dead.code, 0);
  for (const v1::Alert& alert : stored) EXPECT_THAT(dead.output, HasSubstr(alert.id()));
  EXPECT_THAT(dead.output, HasSubstr("HTTP 400: no such field"));

  is_mended = true;
  const size_t before = receiver.requests().size();
  const testing_support::Ended refused = eyectl({"replay", "--sink=hook"}, "g");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, HasSubstr("PERMISSION_DENIED")) << "viewers may not";
  EXPECT_EQ(eyectl({"replay", stored[1].id()}, "o").output, "1 dead letter is pending again\n");
  EXPECT_EQ(eyectl({"replay", "--sink=hook"}, "o").output, "1 dead letter is pending again\n");
  receiver.AwaitRequests(before + 2);
  AwaitThat([&] { return eyectl({"dead"}, "g").output == "no dead letters\n"; });
  std::set<std::string> taken;
  const std::vector<HttpRequest> requests = receiver.requests();
  for (size_t i = before; i < requests.size(); ++i) {
    taken.insert(nlohmann::json::parse(requests[i].body)["id"]);
  }
  EXPECT_EQ(taken, (std::set<std::string>{stored[0].id(), stored[1].id()}));
  EXPECT_TRUE(gateway_->AwaitLine({"dead letters are tried again", "sink=hook"}).has_value());
  EXPECT_EQ(Query("SELECT count(*) FROM audit WHERE method LIKE '%ReplayDeadLetters' AND"
                  " outcome = 'OK'"),
            "2\n");
}

}  // namespace
}  // namespace daemoneye
