// What every AlertSink has to do, whatever it sends to:
//
//   class Fixture { ...; std::unique_ptr<AlertSink> Make(); std::vector<std::string> Titles(); };
//   INSTANTIATE_TYPED_TEST_SUITE_P(File, AlertSinkConformance, Fixture);
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "libs/alerting/alert_sink.h"

namespace daemoneye::alerting {

inline v1::Alert AlertNumber(uint64_t number) {
  v1::Alert alert;
  alert.set_id("id-" + std::to_string(number));
  alert.set_sequence(number);
  alert.set_title("title-" + std::to_string(number));
  alert.set_severity(v1::SEVERITY_HIGH);
  return alert;
}

// Delivers all of `alerts`, as a worker would; the status it ended with.
inline absl::Status DeliverAll(AlertSink& sink, std::span<const v1::Alert> alerts) {
  while (!alerts.empty()) {
    const DeliveryResult result = sink.Deliver(alerts, {});
    if (!result.status.ok()) return result.status;
    if (result.delivered == 0) return absl::InternalError("no progress");
    alerts = alerts.subspan(result.delivered);
  }
  return absl::OkStatus();
}

template <typename Fixture>
class AlertSinkConformance : public ::testing::Test {
 protected:
  Fixture fixture_;
};
TYPED_TEST_SUITE_P(AlertSinkConformance);

TYPED_TEST_P(AlertSinkConformance, DeliversInOrder) {
  const auto sink = this->fixture_.Make();
  std::vector<v1::Alert> alerts;
  std::vector<std::string> titles;
  for (uint64_t i = 1; i <= 100; ++i) {
    alerts.push_back(AlertNumber(i));
    titles.push_back(alerts.back().title());
  }
  ASSERT_TRUE(DeliverAll(*sink, alerts).ok());
  EXPECT_EQ(this->fixture_.Titles(), titles);
}

TYPED_TEST_P(AlertSinkConformance, TellsNoMoreThanItWasGiven) {
  const auto sink = this->fixture_.Make();
  const v1::Alert alert = AlertNumber(1);
  const DeliveryResult result = sink->Deliver({&alert, 1}, {});
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.delivered, 1u);
}

TYPED_TEST_P(AlertSinkConformance, TakesAnAlertThatIsAsLargeAsTheyGet) {
  const auto sink = this->fixture_.Make();
  v1::Alert alert = AlertNumber(1);
  for (int i = 0; i < 16; ++i) {
    (*alert.mutable_details())[std::to_string(i)] = std::string(4096, '\x01');
  }
  ASSERT_TRUE(DeliverAll(*sink, {&alert, 1}).ok());
  EXPECT_THAT(this->fixture_.Titles(), ::testing::ElementsAre("title-1"));
}

TYPED_TEST_P(AlertSinkConformance, StoppedBeforehandItDeliversNothing) {
  const auto sink = this->fixture_.Make();
  std::stop_source stop;
  stop.request_stop();
  const v1::Alert alert = AlertNumber(1);
  const DeliveryResult result = sink->Deliver({&alert, 1}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(result.status)) << result.status;
  EXPECT_EQ(result.delivered, 0u);
}

TYPED_TEST_P(AlertSinkConformance, GoesOnAfterAReopen) {
  const auto sink = this->fixture_.Make();
  const std::vector<v1::Alert> alerts = {AlertNumber(1), AlertNumber(2)};
  ASSERT_TRUE(DeliverAll(*sink, {&alerts[0], 1}).ok());
  sink->Reopen();
  ASSERT_TRUE(DeliverAll(*sink, {&alerts[1], 1}).ok());
  EXPECT_THAT(this->fixture_.Titles(), ::testing::ElementsAre("title-1", "title-2"));
}

REGISTER_TYPED_TEST_SUITE_P(AlertSinkConformance, DeliversInOrder, TellsNoMoreThanItWasGiven,
                            TakesAnAlertThatIsAsLargeAsTheyGet, StoppedBeforehandItDeliversNothing,
                            GoesOnAfterAReopen);

}  // namespace daemoneye::alerting
