// What a filter costs an event, by batch size, against SQLite asked one event at a time (the same
// filter, the same run) and against the condition written by hand.

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "libs/sql/sql_filter.h"

namespace daemoneye::sql {
namespace {

constexpr int kEvents = 1024;

constexpr const char* kConditions[] = {
    "name = 'nginx'",
    "name IN ('nc', 'ncat', 'socat', 'nmap')",
    "name LIKE 'nc%' AND cpu_usage_percent > 90.5",
    "command_line LIKE '%/dev/tcp/%'",
    "executable_path GLOB '/tmp/*' OR executable_path GLOB '/dev/shm/*'",
    "command_line REGEXP 'curl.*\\| *(ba)?sh'",
    "user_id = 0 AND parent_name = 'sshd' AND NOT action = 'STOP'",
    "length(command_line) > 500",
};

// About what a busy host sends: 20 names, arguments of 90 bytes.
const std::vector<v1::CollectionEvent>& Events() {
  static const auto* const kMade = [] {
    auto* events = new std::vector<v1::CollectionEvent>(kEvents);
    for (int i = 0; i < kEvents; ++i) {
      v1::CollectionEvent& event = (*events)[i];
      event.mutable_origin()->set_host("host-1");
      event.mutable_event_time()->set_seconds(1'700'000'000 + i);
      v1::ProcessEvent& process = *event.mutable_process();
      process.set_action(static_cast<v1::ProcessAction>(1 + i % 4));
      process.set_pid(1000 + i);
      process.set_user_id(i % 3 == 0 ? 0 : 1000);
      process.set_name(i % 50 == 0 ? "nginx" : "worker" + std::to_string(i % 20));
      process.set_parent_name(i % 10 == 0 ? "sshd" : "systemd");
      process.set_executable_path("/usr/lib/component/bin/" + process.name());
      process.add_command_line(process.executable_path());
      process.add_command_line("--configuration=/etc/component/settings.yaml");
      process.add_command_line("--instance=" + std::to_string(i));
      process.set_cpu_usage_percent(i % 100);
    }
    return events;
  }();
  return *kMade;
}

// range(0): which condition; range(1): events a call.
void BM_Match(benchmark::State& state) {
  const char* sql = kConditions[state.range(0)];
  const auto size = static_cast<size_t>(state.range(1));
  auto filter = SqlFilter::Create(sql);
  std::vector<const v1::CollectionEvent*> pointers;
  for (const v1::CollectionEvent& event : Events()) pointers.push_back(&event);
  std::vector<bool> passes;
  size_t at = 0;
  for (auto _ : state) {
    if (!(*filter)->Match(std::span(pointers).subspan(at, size), &passes).ok()) {
      state.SkipWithError("match failed");
    }
    at = (at + size) % kEvents;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(size));
  state.SetLabel(sql);
}
BENCHMARK(BM_Match)->ArgsProduct({benchmark::CreateDenseRange(0, 7, 1), {1, 16, 256}});

// The floor: the third condition by hand.
void BM_ByHand(benchmark::State& state) {
  size_t at = 0;
  for (auto _ : state) {
    const v1::ProcessEvent& process = Events()[at].process();
    const bool passes = process.name().starts_with("nc") && process.cpu_usage_percent() > 90.5;
    benchmark::DoNotOptimize(passes);
    at = (at + 1) % kEvents;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ByHand);

void BM_Create(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(SqlFilter::Create(kConditions[2]));
}
BENCHMARK(BM_Create);

}  // namespace
}  // namespace daemoneye::sql

BENCHMARK_MAIN();
