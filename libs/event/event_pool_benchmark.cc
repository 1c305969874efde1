// Parsing a message of events into used ones, against parsing into new ones and freeing them.
//
//   bazel run --config=opt //libs/event:event_pool_benchmark

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "libs/event/event_pool.h"
#include "libs/event/parse_again.h"

namespace daemoneye::event {
namespace {

constexpr int kEvents = 256;

// About 450 bytes, as procmond sends them.
std::string TypicalEvent() {
  Event event;
  event.set_sequence(1'000'000);
  event.mutable_origin()->set_monitor("procmond");
  event.mutable_origin()->set_host("web-1.example.org");
  event.mutable_origin()->set_stream_id("0d4c1c9e-8f0b-4d0b-9c06-6b0f3a3c7a55");
  event.mutable_origin()->set_sequence(1'000'000);
  event.mutable_event_time()->set_seconds(1'700'000'000);
  event.mutable_observed_time()->set_seconds(1'700'000'000);
  event.set_source("process-scan");
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(v1::PROCESS_ACTION_START);
  process.set_process_key("8f0b4d0b9c066b0f-4026531836-4711-123456");
  event.mutable_correlation()->set_correlation_id(process.process_key());
  process.set_parent_key("8f0b4d0b9c066b0f-4026531836-1-42");
  process.set_pid(4711);
  process.set_ppid(1);
  process.set_name("nginx");
  process.set_parent_name("systemd");
  process.set_executable_path("/usr/sbin/nginx");
  process.set_parent_executable_path("/usr/lib/systemd/systemd");
  for (const char* argument : {"nginx", "-g", "daemon off;", "-c", "/etc/nginx/nginx.conf"}) {
    process.add_command_line(argument);
  }
  process.mutable_start_time()->set_seconds(1'700'000'000);
  process.set_memory_usage_bytes(123 << 20);
  process.set_user_id(33);
  process.set_user_name("www-data");
  process.set_working_directory("/var/www");
  process.set_cgroup_path("/system.slice/nginx.service");
  return event.SerializeAsString();
}

void BM_NewEvents(benchmark::State& state) {
  const std::string bytes = TypicalEvent();
  for (auto _ : state) {
    const auto list = std::make_shared<EventList>();
    list->reserve(kEvents);
    for (int i = 0; i < kEvents; ++i) {
      list->emplace_back().ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    }
    benchmark::DoNotOptimize(list->data());
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_NewEvents);

void BM_UsedEvents(benchmark::State& state) {
  const std::string bytes = TypicalEvent();
  EventPool pool;
  EventListParser parser(pool);
  for (auto _ : state) {
    for (int i = 0; i < kEvents; ++i) parser.Append(bytes);
    const auto list = parser.Finish();
    benchmark::DoNotOptimize(list->data());
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_UsedEvents);

// Copies into events that each hold an earlier one, as a table of current state does.
template <void (*copy)(const Event&, Event&)>
void CopyOver(benchmark::State& state) {
  Event event;
  event.ParseFromString(TypicalEvent());
  std::vector<Event> rows(kEvents, event);
  for (auto _ : state) {
    for (Event& row : rows) copy(event, row);
    benchmark::DoNotOptimize(rows.data());
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
void Assign(const Event& from, Event& event) { event = from; }
void BM_Assign(benchmark::State& state) { CopyOver<Assign>(state); }
BENCHMARK(BM_Assign);
void BM_CopyAgain(benchmark::State& state) { CopyOver<CopyAgain>(state); }
BENCHMARK(BM_CopyAgain);

}  // namespace
}  // namespace daemoneye::event

BENCHMARK_MAIN();
