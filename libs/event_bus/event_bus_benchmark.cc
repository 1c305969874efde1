// What an event costs on its way through the bus, against the floor taken in the same run: to
// serialise it and copy the bytes once.
//
//   bazel run --config=opt //libs/event_bus:event_bus_benchmark

#include <benchmark/benchmark.h>

#include <cstring>

#include "libs/event/filter.h"
#include "libs/event_bus/bus_test_support.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::event_bus {
namespace {

// About 450 bytes: a START as a scan gives it, origin and correlation included.
event::Event TypicalEvent(uint32_t pid) {
  event::Event event = StartOf(pid);
  event.mutable_origin()->set_monitor("procmond");
  event.mutable_origin()->set_host("web-1.example.org");
  event.mutable_origin()->set_stream_id("0d4c1c9e-8f0b-4d0b-9c06-6b0f3a3c7a55");
  event.mutable_event_time()->set_seconds(1'700'000'000);
  event.mutable_observed_time()->set_seconds(1'700'000'000);
  event.set_source("process-scan");
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_process_key("8f0b4d0b9c066b0f-4026531836-" + std::to_string(pid) + "-123456");
  event.mutable_correlation()->set_correlation_id(process.process_key());
  process.set_parent_key("8f0b4d0b9c066b0f-4026531836-1-42");
  process.set_ppid(1);
  process.set_name("nginx");
  process.set_executable_path("/usr/sbin/nginx");
  for (const char* argument : {"nginx", "-g", "daemon off;", "-c", "/etc/nginx/nginx.conf"}) {
    process.add_command_line(argument);
  }
  process.mutable_start_time()->set_seconds(1'700'000'000);
  process.set_memory_usage_bytes(123 << 20);
  process.set_user_id(33);
  process.set_user_name("www-data");
  process.set_working_directory("/var/www");
  process.set_cgroup_path("/system.slice/nginx.service");
  return event;
}

// Subjects that repeat, as processes do: the state is full after the first turn.
event::EventList TypicalEvents(size_t count) {
  event::EventList events;
  for (size_t i = 0; i < count; ++i) events.push_back(TypicalEvent(i % 4096));
  return events;
}

void PerEvent(benchmark::State& state, size_t events_an_iteration) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * events_an_iteration));
}

// The floor: serialise each event, copy the bytes into one buffer.
void BM_SerialiseAndCopy(benchmark::State& state) {
  const event::EventList events = TypicalEvents(state.range(0));
  std::string bytes, log;
  for (auto _ : state) {
    log.clear();
    for (const event::Event& event : events) {
      bytes.resize(event.ByteSizeLong());
      event.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(bytes.data()));
      log.append(bytes);
    }
    benchmark::DoNotOptimize(log.data());
  }
  PerEvent(state, events.size());
}
BENCHMARK(BM_SerialiseAndCopy)->Arg(1)->Arg(64)->Arg(256);

// As many lists as are handed over between two stops of the clock, which cost something themselves.
size_t ListsAtOnce(size_t events) { return std::max<size_t>(1, 512 / events); }

// The floor of a bus that is given its events: serialise, copy, and free them.
void BM_SerialiseCopyAndFree(benchmark::State& state) {
  const event::EventList events = TypicalEvents(state.range(0));
  const size_t lists = ListsAtOnce(events.size());
  std::string bytes, log;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<event::EventList> copies(lists, events);
    state.ResumeTiming();
    log.clear();
    for (event::EventList& copy : copies) {
      for (const event::Event& event : copy) {
        bytes.resize(event.ByteSizeLong());
        event.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(bytes.data()));
        log.append(bytes);
      }
      event::EventList().swap(copy);
    }
    benchmark::DoNotOptimize(log.data());
  }
  PerEvent(state, lists * events.size());
}
BENCHMARK(BM_SerialiseCopyAndFree)->Arg(1)->Arg(64)->Arg(256);

// Events of a publish, and subscribers that read after each.
void BM_Publish(benchmark::State& state) {
  LocalEventBus bus({}, base::Clock::Real());
  std::vector<std::unique_ptr<Subscription>> readers;
  for (int64_t i = 0; i < state.range(1); ++i) readers.push_back(*bus.Subscribe({}));
  const event::EventList events = TypicalEvents(state.range(0));
  const size_t lists = ListsAtOnce(events.size());
  bus.Publish(TypicalEvents(4096));
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<event::EventList> copies(lists, events);
    state.ResumeTiming();
    for (event::EventList& copy : copies) {
      bus.Publish(std::move(copy));
      for (const auto& reader : readers) {
        const auto delivery = reader->Poll({});
        benchmark::DoNotOptimize(delivery->byte_count);
      }
    }
  }
  PerEvent(state, lists * events.size());
}
BENCHMARK(BM_Publish)->ArgsProduct({{1, 64, 256}, {0, 1, 10}});

// What a gateway does with a batch it received: patch, index, append. The parsed form is given.
void BM_PublishFramed(benchmark::State& state) {
  LocalEventBus bus({}, base::Clock::Real());
  const FramedEvents framed = Framed(TypicalEvents(state.range(0)));
  const size_t lists = ListsAtOnce(framed.offsets.size());
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<FramedEvents> copies(lists, framed);
    for (FramedEvents& copy : copies) {
      copy.parsed = std::make_shared<event::EventList>(*framed.parsed);
      // Else the state would take them for a replay.
      for (event::Event& event : *copy.parsed) event.mutable_origin()->clear_sequence();
    }
    state.ResumeTiming();
    for (FramedEvents& copy : copies) bus.PublishFramed(std::move(copy));
  }
  PerEvent(state, lists * framed.offsets.size());
}
BENCHMARK(BM_PublishFramed)->Arg(1)->Arg(64)->Arg(256);

// Reading a full ring from its beginning. 0: everything, 1: by action, 2: by pid, 3: by SQL.
void BM_Poll(benchmark::State& state) {
  LocalEventBus bus({}, base::Clock::Real());
  for (int i = 0; i < 64; ++i) bus.Publish(TypicalEvents(256));
  SubscribeOptions options;
  if (state.range(0) == 1) options.filter.add_actions("STOP");
  if (state.range(0) == 2) options.filter.add_pids(7);
  if (state.range(0) == 3) options.filter.set_sql("name LIKE 'ng%' AND pid = 7");
  options.from_sequence = bus.statistics().oldest_sequence;
  for (auto _ : state) {
    auto reader = *bus.Subscribe(options);
    while (!reader->Poll({})->caught_up) {
    }
  }
  PerEvent(state, bus.statistics().ring_events);
}
BENCHMARK(BM_Poll)->DenseRange(0, 3);

void BM_MatchesTraits(benchmark::State& state) {
  v1::EventFilter filter;
  filter.add_topics("events.process.#");
  filter.add_actions("START");
  const auto compiled = *event::CompiledFilter::Create(filter);
  int action = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        compiled.MatchesTraits(v1::EVENT_KIND_PROCESS, ++action & 7, false, false));
  }
}
BENCHMARK(BM_MatchesTraits);

void BM_Matches(benchmark::State& state) {
  v1::EventFilter filter;
  filter.add_names("ng*");
  filter.add_paths("/usr/*/nginx");
  filter.add_hosts("web-1.example.org");
  const auto compiled = *event::CompiledFilter::Create(filter);
  const event::Event event = TypicalEvent(1);
  for (auto _ : state) benchmark::DoNotOptimize(compiled.Matches(event));
}
BENCHMARK(BM_Matches);

void BM_Snapshot(benchmark::State& state) {
  LocalEventBus bus({}, base::Clock::Real());
  bus.Publish(TypicalEvents(1000));
  for (auto _ : state) benchmark::DoNotOptimize(bus.Snapshot({})->events.size());
  PerEvent(state, 1000);
}
BENCHMARK(BM_Snapshot);

}  // namespace
}  // namespace daemoneye::event_bus

BENCHMARK_MAIN();
