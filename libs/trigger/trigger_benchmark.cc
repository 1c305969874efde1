// What triggers cost an event, by their number, against SQLite asked one event and one trigger at a
// time (the same triggers, the same run).

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/sql/sql_filter.h"
#include "libs/trigger/trigger_set.h"

namespace daemoneye::trigger {
namespace {

constexpr int kEvents = 1024;
constexpr size_t kBatch = 256;

// A typical mix, of 100: 40 names, 15 paths, 25 command lines, 5 regular expressions, 5 numbers, 5
// joins, 3 alternatives, 2 that no index can rule out.
std::string Condition(int i, bool has_joins) {
  const std::string n = std::to_string(i);
  const int kind = i % 100;
  if (kind < 20) return "name = 'evil" + n + "'";
  if (kind < 40) return "name IN ('nc" + n + "', 'ncat" + n + "', 'socat" + n + "')";
  if (kind < 48) return "executable_path LIKE '/tmp/drop" + n + "%'";
  if (kind < 55) return "executable_path GLOB '/dev/shm/" + n + "*'";
  if (kind < 80) return "command_line LIKE '%/dev/tcp/" + n + "/%' AND NOT own";
  if (kind < 85) return "command_line REGEXP 'curl" + n + ".*\\| *(ba)?sh'";
  if (kind < 90) return "cpu_usage_percent > " + std::to_string(99 + i % 7) + ".5";
  if (kind < 95) {
    if (!has_joins) return "name = 'child" + n + "' AND parent_name = 'nginx'";
    return "SELECT p.* FROM process_events p JOIN processes q ON q.process_key = p.parent_key "
           "WHERE q.name = 'nginx' AND p.name IN ('sh" +
           n + "', 'bash" + n + "')";
  }
  if (kind < 98) return "name = 'x" + n + "' OR executable_path = '/opt/x" + n + "'";
  return "length(command_line) > " + std::to_string(5000 + i);
}

// About what a busy host sends: 20 names, arguments of 90 bytes.
const std::vector<const v1::CollectionEvent*>& Events() {
  static const auto* const kMade = [] {
    auto* pointers = new std::vector<const v1::CollectionEvent*>;
    for (int i = 0; i < kEvents; ++i) {
      auto* event = new v1::CollectionEvent;
      event->mutable_origin()->set_host("host-1");
      event->mutable_event_time()->set_seconds(1'700'000'000 + i);
      v1::ProcessEvent& process = *event->mutable_process();
      process.set_action(static_cast<v1::ProcessAction>(1 + i % 3));
      process.set_process_key("boot-4026531836-" + std::to_string(i) + "-1");
      process.set_parent_key("boot-4026531836-1-1");
      process.set_pid(1000 + i);
      process.set_user_id(i % 3 == 0 ? 0 : 1000);
      process.set_name(i % 100 == 0 ? "evil1" : "worker" + std::to_string(i % 20));
      process.set_parent_name("systemd");
      process.set_executable_path("/usr/lib/component/bin/" + process.name());
      process.add_command_line(process.executable_path());
      process.add_command_line("--configuration=/etc/component/settings.yaml");
      process.add_command_line("--instance=" + std::to_string(i));
      process.set_cpu_usage_percent(i % 99);
      pointers->push_back(event);
    }
    return pointers;
  }();
  return *kMade;
}

// range(0): triggers.
void BM_Triggers(benchmark::State& state) {
  std::vector<std::shared_ptr<const v1::Trigger>> triggers;
  for (int i = 0; i < state.range(0); ++i) {
    auto trigger = std::make_shared<v1::Trigger>();
    trigger->set_id("t" + std::to_string(i));
    trigger->mutable_condition()->set_sql(Condition(i, /*has_joins=*/true));
    triggers.push_back(std::move(trigger));
  }
  std::vector<Refusal> refusals;
  const auto set = TriggerSet::Compile(triggers, {}, &refusals);
  if (!refusals.empty()) std::abort();
  LiveTables live;
  set->Bind(live);
  std::vector<Hit> hits;
  size_t at = 0;
  for (auto _ : state) {
    hits.clear();
    set->Evaluate(std::span(Events()).subspan(at, kBatch), absl::InfiniteFuture(), &hits);
    benchmark::DoNotOptimize(hits.data());
    at = (at + kBatch) % kEvents;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
  int indexed = 0;
  for (size_t i = 0; i < set->size(); ++i) indexed += set->is_indexed(i) ? 1 : 0;
  state.counters["indexed"] = indexed;
}
BENCHMARK(BM_Triggers)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

// The peer: a prepared statement a trigger, run for each event.
void BM_SqlitePerEvent(benchmark::State& state) {
  std::vector<std::unique_ptr<sql::SqlFilter>> filters;
  for (int i = 0; i < state.range(0); ++i) {
    filters.push_back(*sql::SqlFilter::Create(Condition(i, /*has_joins=*/false)));
  }
  size_t at = 0;
  std::vector<bool> passes;
  for (auto _ : state) {
    for (auto& filter : filters) {
      (void)filter->Match(std::span(Events()).subspan(at, 1), &passes);
    }
    at = (at + 1) % kEvents;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SqlitePerEvent)->Arg(1)->Arg(100);

}  // namespace
}  // namespace daemoneye::trigger

BENCHMARK_MAIN();
