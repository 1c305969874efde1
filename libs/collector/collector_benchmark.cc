// What the collector adds to an event between Emit and Publish, against the least that any
// hand-over between two threads costs: a bounded queue and the same Publish. Time is per event.
#include <benchmark/benchmark.h>

#include <memory>
#include <utility>
#include <vector>

#include "libs/base/bounded_queue.h"
#include "libs/base/thread.h"
#include "libs/collector/collector.h"
#include "libs/collector/fake_event_source.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::collector {
namespace {

using base::Clock;
using base::operator+;

constexpr size_t kEventsAnIteration = 800;  // below the threshold: no backpressure

// A bus that does nothing but count and free.
class CountingBus final : public event_bus::EventBus {
 public:
  size_t Publish(event::EventList events) override {
    const size_t count = events.size();
    events.clear();
    base::MutexLock lock(mu_);
    published_ += count;
    changed_.NotifyAll();
    return count;
  }
  void Await(uint64_t count) {
    base::MutexLock lock(mu_);
    while (published_ < count) changed_.Wait(mu_);
  }
  const std::string& stream_id() const override { return stream_id_; }
  size_t PublishFramed(event_bus::FramedEvents) override { return 0; }
  absl::StatusOr<std::unique_ptr<event_bus::Subscription>> Subscribe(
      event_bus::SubscribeOptions) override {
    return absl::UnimplementedError("no readers");
  }
  absl::StatusOr<event_bus::StateSnapshot> Snapshot(const v1::EventFilter&) const override {
    return event_bus::StateSnapshot();
  }
  void DropState(const std::string&) override {}
  event_bus::BusStatistics statistics() const override { return {}; }

 private:
  const std::string stream_id_ = "00000000-0000-4000-8000-000000000000";
  base::Mutex mu_;
  base::CondVar changed_;
  uint64_t published_ GUARDED_BY(mu_) = 0;
};

std::vector<event::EventList> MakeBatches(size_t batch_size) {
  std::vector<event::EventList> batches;
  for (size_t i = 0; i < kEventsAnIteration; i += batch_size) {
    batches.push_back(FakeProcessEvents(i, batch_size));
    for (event::Event& event : batches.back()) event.set_source("fake");
  }
  return batches;
}

// Hands over kEventsAnIteration events an iteration and waits until all are published.
template <typename Emit>
void Run(benchmark::State& state, CountingBus& bus, Emit emit) {
  uint64_t published = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<event::EventList> batches = MakeBatches(state.range(0));
    state.ResumeTiming();
    for (event::EventList& batch : batches) emit(std::move(batch));
    published += kEventsAnIteration;
    bus.Await(published);
  }
  state.SetItemsProcessed(published);
  state.counters["per_event"] =
      benchmark::Counter(published, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_BareQueue(benchmark::State& state) {
  CountingBus bus;
  base::BoundedQueue<event::EventList> queue(1000, Clock::Real());
  const base::Thread pump("pump", [&](std::stop_token) {
    while (auto events = queue.PopBefore(base::Monotonic::max())) bus.Publish(*std::move(events));
  });
  Run(state, bus, [&](event::EventList events) {
    const size_t weight = events.size();
    queue.PushBefore(events, weight, base::Monotonic::max());
  });
  queue.Close();
}
BENCHMARK(BM_BareQueue)->Arg(1)->Arg(16)->Arg(100)->UseRealTime();

void BM_Collector(benchmark::State& state) {
  CountingBus bus;
  FakeSourceScript script("fake");
  auto collector = Collector::Create({}, bus, Clock::Real());
  (*collector)->Register(MakeFakeEventSource(script)).IgnoreError();
  (*collector)->Start().IgnoreError();
  (*collector)->AwaitStarted();
  EventSink& sink = *script.sink();
  Run(state, bus, [&](event::EventList events) { sink.Emit(std::move(events)).IgnoreError(); });
  if ((*collector)->statistics().dropped_total() != 0) state.SkipWithError("events were shed");
}
BENCHMARK(BM_Collector)->Arg(1)->Arg(16)->Arg(100)->UseRealTime();

// For scale: the same events published straight on a real bus, without any hand-over.
void BM_PublishAlone(benchmark::State& state) {
  event_bus::LocalEventBus bus({.monitor = "bench", .host = "host"}, Clock::Real());
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<event::EventList> batches = MakeBatches(state.range(0));
    state.ResumeTiming();
    for (event::EventList& batch : batches) bus.Publish(std::move(batch));
  }
  const auto published = static_cast<double>(state.iterations() * kEventsAnIteration);
  state.counters["per_event"] =
      benchmark::Counter(published, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_PublishAlone)->Arg(1)->Arg(16)->Arg(100)->UseRealTime();

}  // namespace
}  // namespace daemoneye::collector

BENCHMARK_MAIN();
