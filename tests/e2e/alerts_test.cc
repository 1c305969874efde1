// Alerts of the real gateway on their way to webhooks: a flood of matches, a receiver that fails,
// hangs and is away, a gateway that is killed in the middle, and one over TLS.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "libs/base/mutex.h"
#include "services/collector_gateway/fake_monitor.h"
#include "tests/e2e/triggers_fixture.h"
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

}  // namespace
}  // namespace daemoneye
