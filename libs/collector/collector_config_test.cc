#include "libs/collector/collector_config.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::collector {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(CollectorConfigTest, DefaultsAreThoseThatUsersKnow) {
  const CollectorConfig config;
  EXPECT_TRUE(config.Validate().ok());
  EXPECT_EQ(config.max_event_sources, 16u);
  EXPECT_EQ(config.event_buffer_size, 1000u);
  EXPECT_EQ(config.max_events_in_flight, 1000u);
  EXPECT_EQ(config.effective_backpressure_threshold(), 800u);
  EXPECT_EQ(config.max_backpressure_wait, absl::Milliseconds(500));
  EXPECT_EQ(config.max_batch_size, 100u);
  EXPECT_EQ(config.batch_timeout, absl::Milliseconds(100));
  EXPECT_EQ(config.startup_timeout, absl::Seconds(10));
  EXPECT_EQ(config.shutdown_timeout, absl::Seconds(30));
  EXPECT_EQ(config.health_check_interval, absl::Seconds(60));
  EXPECT_EQ(config.telemetry_interval, absl::Seconds(30));
  EXPECT_TRUE(config.enable_telemetry);
  EXPECT_FALSE(config.enable_debug_logging);
}

TEST(CollectorConfigTest, RefusesWhatIsOutOfBoundsByName) {
  struct Case {
    std::string field;
    std::function<void(CollectorConfig&)> spoil;
  };
  const Case cases[] = {
      {"component_name", [](CollectorConfig& c) { c.component_name.clear(); }},
      {"component_name", [](CollectorConfig& c) { c.component_name.assign(129, 'x'); }},
      {"max_event_sources", [](CollectorConfig& c) { c.max_event_sources = 0; }},
      {"max_event_sources", [](CollectorConfig& c) { c.max_event_sources = 257; }},
      {"event_buffer_size", [](CollectorConfig& c) { c.event_buffer_size = 0; }},
      {"max_events_in_flight", [](CollectorConfig& c) { c.max_events_in_flight = 0; }},
      {"backpressure_threshold", [](CollectorConfig& c) { c.backpressure_threshold = 0; }},
      {"backpressure_threshold", [](CollectorConfig& c) { c.backpressure_threshold = 1000; }},
      {"max_backpressure_wait",
       [](CollectorConfig& c) { c.max_backpressure_wait = absl::ZeroDuration(); }},
      {"max_batch_size", [](CollectorConfig& c) { c.max_batch_size = 0; }},
      {"batch_timeout", [](CollectorConfig& c) { c.batch_timeout = absl::Seconds(-1); }},
      {"startup_timeout", [](CollectorConfig& c) { c.startup_timeout = absl::InfiniteDuration(); }},
      {"shutdown_timeout", [](CollectorConfig& c) { c.shutdown_timeout = absl::ZeroDuration(); }},
      {"health_check_interval",
       [](CollectorConfig& c) { c.health_check_interval = absl::ZeroDuration(); }},
      {"telemetry_interval",
       [](CollectorConfig& c) { c.telemetry_interval = absl::ZeroDuration(); }},
  };
  for (const Case& c : cases) {
    CollectorConfig config;
    c.spoil(config);
    const absl::Status status = config.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.field;
    EXPECT_THAT(std::string(status.message()), StartsWith(c.field + " must"));
  }
}

TEST(CollectorConfigTest, ThresholdFollowsTheBuffer) {
  CollectorConfig config;
  config.event_buffer_size = 2000;
  EXPECT_EQ(config.effective_backpressure_threshold(), 1600u);
  config.backpressure_threshold = 7;
  EXPECT_EQ(config.effective_backpressure_threshold(), 7u);
  config.backpressure_threshold.reset();
  config.event_buffer_size = 1;
  EXPECT_TRUE(config.Validate().ok());
  EXPECT_EQ(config.effective_backpressure_threshold(), 1u);
}

}  // namespace
}  // namespace daemoneye::collector
