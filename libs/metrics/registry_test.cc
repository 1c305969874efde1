#include "libs/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "libs/base/thread.h"

namespace daemoneye::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RegistryTest, CountsUnderThePrefix) {
  Registry registry;
  Counter counter = registry.AddCounter("events_total", "Events.");
  Gauge gauge = registry.AddGauge("up", "Up.", {{"source", "scan"}});
  counter.Increment();
  counter.Increment(4);
  gauge.Set(2);
  gauge.Add(-0.5);
  EXPECT_EQ(counter.value(), 5);
  const std::string page = registry.Scrape();
  EXPECT_THAT(page, HasSubstr("# HELP daemoneye_events_total Events.\n"
                              "# TYPE daemoneye_events_total counter\n"
                              "daemoneye_events_total 5\n"));
  EXPECT_THAT(page, HasSubstr("daemoneye_up{source=\"scan\"} 1.5\n"));
}

TEST(RegistryTest, TheSameNameAndLabelsAreTheSameMetric) {
  Registry registry;
  registry.AddCounter("a_total", "A.", {{"k", "1"}}).Increment();
  Counter same = registry.AddCounter("a_total", "A.", {{"k", "1"}});
  Counter other = registry.AddCounter("a_total", "A.", {{"k", "2"}});
  EXPECT_EQ(same.value(), 1);
  EXPECT_EQ(other.value(), 0);
}

TEST(RegistryTest, EveryKnownCombinationIsThereFromTheStart) {
  Registry registry;
  registry.AddCounters("drops_total", "Drops.",
                       {{"stage", {"kernel", "intake"}}, {"reason", {"full", "bad"}}});
  const std::string page = registry.Scrape();
  for (const char* stage : {"kernel", "intake"}) {
    for (const char* reason : {"full", "bad"}) {
      EXPECT_THAT(page, HasSubstr(std::string("daemoneye_drops_total{reason=\"") + reason +
                                  "\",stage=\"" + stage + "\"} 0\n"));
    }
  }
  EXPECT_THAT(page, Not(HasSubstr("other")));
}

TEST(RegistryTest, AValueOutsideItsSetIsOther) {
  Registry registry;
  const HandleSet<Counter>& drops =
      registry.AddCounters("drops_total", "Drops.", {{"stage", {"kernel"}}, {"reason", {"full"}}});
  drops.With({"kernel", "full"}).Increment();
  for (int i = 0; i < 100; ++i) drops.With({"kernel", "pid " + std::to_string(i)}).Increment();
  const std::string page = registry.Scrape();
  EXPECT_THAT(page, HasSubstr("{reason=\"full\",stage=\"kernel\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("{reason=\"other\",stage=\"kernel\"} 100\n"));
  EXPECT_THAT(page, Not(HasSubstr("pid")));
}

TEST(RegistryTest, GaugesHaveSetsToo) {
  Registry registry;
  registry.AddGauges("queue_length", "Length.", {{"queue", {"intake"}}}).With({"intake"}).Set(7);
  EXPECT_THAT(registry.Scrape(), HasSubstr("daemoneye_queue_length{queue=\"intake\"} 7\n"));
}

TEST(RegistryTest, AHistogramCountsIntoItsBuckets) {
  Registry registry;
  Histogram latency = registry.AddHistogram("latency_seconds", "Latency.", LatencyBuckets());
  latency.Observe(0.002);
  latency.Observe(100);
  const std::string page = registry.Scrape();
  EXPECT_THAT(page, HasSubstr("daemoneye_latency_seconds_bucket{le=\"0.001\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("daemoneye_latency_seconds_bucket{le=\"0.0025\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("daemoneye_latency_seconds_bucket{le=\"+Inf\"} 2\n"));
}

TEST(RegistryTest, LabelValuesThatAreNotUtf8AreEscaped) {
  Registry registry;
  registry.AddGauge("up", "Up.", {{"monitor", "a\xff\"\n"}});
  EXPECT_THAT(registry.Scrape(), HasSubstr(R"(monitor="a\\xff\"\n")"));
}

TEST(HandlesTest, OneThatBelongsToNoRegistryCountsNowhere) {
  Counter counter;
  Gauge gauge;
  Histogram histogram;
  counter.Increment();
  gauge.Set(1);
  histogram.Observe(1);
  EXPECT_EQ(counter.value(), 0);
  EXPECT_EQ(gauge.value(), 0);
}

TEST(RegistryDeathTest, AWrongNameIsADefect) {
  Registry registry;
  EXPECT_DEATH(registry.AddCounter("not a name", "Help."), "cannot register daemoneye_not a name");
  EXPECT_DEATH(registry.AddCounter("a_total", ""), "no help text");
  EXPECT_DEATH(registry.AddCounter("a_total", "A.", {{"not-a-label", ""}}), "cannot register");
  registry.AddCounter("both", "Both.");
  EXPECT_DEATH(registry.AddGauge("both", "Both."), "cannot register daemoneye_both");
  const HandleSet<Counter>& set = registry.AddCounters("set_total", "Set.", {{"k", {"v"}}});
  EXPECT_DEATH(set.With({"a", "b"}), "2 label values given, 1 wanted");
}

TEST(RegistryCallbackTest, IsAskedAtEachScrape) {
  Registry registry;
  std::atomic<int> length = 3;
  const CallbackHandle handle =
      registry.AddCallback("queue_length", "Length.", MetricType::kGauge,
                           [&](const SampleSink& sink) { sink({{"queue", "bus"}}, length); });
  EXPECT_THAT(registry.Scrape(), HasSubstr("daemoneye_queue_length{queue=\"bus\"} 3\n"));
  length = 4;
  EXPECT_THAT(registry.Scrape(), HasSubstr("daemoneye_queue_length{queue=\"bus\"} 4\n"));
}

TEST(RegistryCallbackTest, SharesAFamilyWithOthersOfItsName) {
  Registry registry;
  registry.AddCounter("drops_total", "Drops.", {{"stage", "a"}});
  const CallbackHandle b =
      registry.AddCallback("drops_total", "Drops.", MetricType::kCounter,
                           [](const SampleSink& sink) { sink({{"stage", "b"}}, 1); });
  const CallbackHandle none =
      registry.AddCallback("nothing", "Nothing.", MetricType::kGauge, [](const SampleSink&) {});
  const std::string page = registry.Scrape();
  EXPECT_THAT(page, HasSubstr("# TYPE daemoneye_drops_total counter\n"
                              "daemoneye_drops_total{stage=\"a\"} 0\n"
                              "daemoneye_drops_total{stage=\"b\"} 1\n"));
  EXPECT_EQ(page.find("# TYPE"), page.rfind("# TYPE"));
}

TEST(RegistryCallbackTest, IsGoneWithItsHandle) {
  Registry registry;
  {
    CallbackHandle first = registry.AddCallback("x", "X.", MetricType::kGauge, [] { return 1.0; });
    CallbackHandle moved = std::move(first);
    EXPECT_THAT(registry.Scrape(), HasSubstr("daemoneye_x 1\n"));
    moved = registry.AddCallback("y", "Y.", MetricType::kGauge, [] { return 2.0; });
    EXPECT_THAT(registry.Scrape(), Not(HasSubstr("daemoneye_x")));
    EXPECT_THAT(registry.Scrape(), HasSubstr("daemoneye_y 2\n"));
  }
  EXPECT_EQ(registry.Scrape(), "");
}

TEST(RegistryCallbackTest, ItsHandleWaitsForACallThatRuns) {
  Registry registry;
  std::promise<void> entered, release;
  std::atomic<bool> has_returned = false;
  CallbackHandle handle =
      registry.AddCallback("slow", "Slow.", MetricType::kGauge, [&]() -> double {
        entered.set_value();
        release.get_future().wait();
        has_returned = true;
        return 1;
      });
  base::Thread scraper("scrape", [&](std::stop_token) { registry.Scrape(); });
  entered.get_future().wait();
  base::Thread releaser("release", [&](std::stop_token) { release.set_value(); });
  handle = CallbackHandle();
  EXPECT_TRUE(has_returned);
}

TEST(RegistryCallbackTest, MayComeAndGoWhileOthersScrape) {
  Registry registry;
  base::Thread scraper("scrape", [&](std::stop_token stop) {
    while (!stop.stop_requested()) registry.Scrape();
  });
  for (int i = 0; i < 200; ++i) {
    auto alive = std::make_unique<int>(i);
    const CallbackHandle handle = registry.AddCallback("value", "Value.", MetricType::kGauge,
                                                       [&] { return static_cast<double>(*alive); });
    EXPECT_THAT(registry.Scrape(), HasSubstr("daemoneye_value " + std::to_string(i) + "\n"));
  }
}

}  // namespace
}  // namespace daemoneye::metrics
