// What triggers cost an event, by their number, against SQLite asked one event and one trigger at a
// time (the same triggers, the same run).

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/sql/sql_filter.h"
#include "libs/trigger/live_tables.h"
#include "libs/trigger/text_matcher.h"
#include "libs/trigger/trigger_set.h"
#include "libs/trigger/typical_conditions.h"

namespace daemoneye::trigger {
namespace {

constexpr int kEvents = 1024;
constexpr size_t kBatch = 256;

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
    trigger->mutable_condition()->set_sql(TypicalCondition(i, /*has_joins=*/true));
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

// From definitions to a set; items are triggers.
void BM_Compile(benchmark::State& state) {
  std::vector<std::shared_ptr<const v1::Trigger>> triggers;
  for (int i = 0; i < 100; ++i) {
    auto trigger = std::make_shared<v1::Trigger>();
    trigger->set_id("t" + std::to_string(i));
    trigger->mutable_condition()->set_sql(TypicalCondition(i, /*has_joins=*/true));
    triggers.push_back(std::move(trigger));
  }
  std::vector<Refusal> refusals;
  for (auto _ : state) benchmark::DoNotOptimize(TriggerSet::Compile(triggers, {}, &refusals));
  state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(BM_Compile);

// What `processes` and `hash_baseline` cost an event.
void BM_LiveTables(benchmark::State& state) {
  LiveTables live;
  size_t at = 0;
  for (auto _ : state) live.Apply(*Events()[at++ % kEvents], absl::InfiniteFuture());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_LiveTables);

// range(0): literals, looked for in a text of 90 bytes; items are bytes.
void BM_TextMatcher(benchmark::State& state) {
  TextMatcher matcher;
  for (int i = 0; i < state.range(0); ++i) {
    matcher.Add("/dev/tcp/" + std::to_string(i) + "/", static_cast<uint32_t>(i));
  }
  matcher.Build();
  const std::string text =
      "/usr/lib/component/bin/worker11 --configuration=/etc/component/settings.yaml --instance=77";
  size_t found = 0;
  for (auto _ : state) {
    matcher.Match(text, [&found](uint32_t) { ++found; });
    benchmark::DoNotOptimize(found);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_TextMatcher)->Arg(25)->Arg(1000);

// The peer: a prepared statement a trigger, run for each event.
void BM_SqlitePerEvent(benchmark::State& state) {
  std::vector<std::unique_ptr<sql::SqlFilter>> filters;
  for (int i = 0; i < state.range(0); ++i) {
    filters.push_back(*sql::SqlFilter::Create(TypicalCondition(i, /*has_joins=*/false)));
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
