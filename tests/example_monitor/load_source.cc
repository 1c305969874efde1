#include "tests/example_monitor/load_source.h"

#include <fstream>

#include "absl/time/time.h"
#include "libs/base/thread.h"

namespace daemoneye::example {
namespace {

class LoadSource final : public collector::EventSource {
 public:
  explicit LoadSource(base::Clock& clock) : clock_(clock) {}
  ~LoadSource() override { Stop(); }

  const collector::SourceDescriptor& descriptor() const override { return descriptor_; }

  absl::Status Start(collector::EventSink& sink) override {
    thread_ = base::Thread("load", [this, &sink](std::stop_token stop) {
      while (clock_.SleepFor(absl::Milliseconds(100), stop)) Measure(sink);
    });
    return absl::OkStatus();
  }
  void Stop() override { thread_.StopAndJoin(); }

  collector::SourceHealth HealthCheck() const override { return {}; }

 private:
  void Measure(collector::EventSink& sink) const {
    double load = 0;
    std::ifstream("/proc/loadavg") >> load;
    event::EventList events(1);
    const absl::Time now = clock_.Now();
    events[0].mutable_event_time()->set_seconds(absl::ToUnixSeconds(now));
    events[0].mutable_event_time()->set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(now - absl::FromUnixSeconds(absl::ToUnixSeconds(now)))));
    *events[0].mutable_observed_time() = events[0].event_time();
    events[0].mutable_performance()->set_metric_name("load.1m");
    events[0].mutable_performance()->set_value(load);
    // Shed only when nobody takes anything; the collector counts it.
    sink.Emit(std::move(events)).IgnoreError();
  }

  const collector::SourceDescriptor descriptor_ = {.name = "load",
                                                   .caps = collector::SourceCaps::kPerformance,
                                                   .events = {"events.performance.metric"}};
  base::Clock& clock_;
  base::Thread thread_;
};

}  // namespace

std::unique_ptr<collector::EventSource> MakeLoadSource(base::Clock& clock) {
  return std::make_unique<LoadSource>(clock);
}

}  // namespace daemoneye::example
