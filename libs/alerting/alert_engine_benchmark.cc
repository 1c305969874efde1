// What Raise costs its caller: an alert that is accepted, and one that is held back.

#include <benchmark/benchmark.h>

#include <string>

#include "libs/alerting/alert_engine.h"
#include "libs/alerting/memory_alert_store.h"

namespace daemoneye::alerting {
namespace {

AlertDraft Draft() {
  AlertDraft draft;
  v1::Alert& alert = draft.alert;
  alert.set_severity(v1::SEVERITY_HIGH);
  alert.set_title("A shell was started by a web server");
  alert.set_trigger_id("web-server-shell");
  alert.set_process_key("0b6c0e0e-1111-4a2b-9c3d-000000000000/4026531836/4711/123456");
  alert.set_process_name("sh");
  alert.set_executable_path("/usr/bin/dash");
  alert.set_host("host-1");
  alert.set_pid(4711);
  alert.add_attack_ids("T1505.003");
  alert.mutable_completeness()->set_complete(true);
  v1::Origin& origin = *alert.add_evidence();
  origin.set_monitor("procmond");
  origin.set_host("host-1");
  origin.set_stream_id("0b6c0e0e-2222-4a2b-9c3d-000000000000");
  origin.set_sequence(4711);
  for (int i = 0; i < 10; ++i) {
    (*alert.mutable_details())["column_" + std::to_string(i)] = "a value as long as most";
  }
  return draft;
}

struct Rig {
  explicit Rig(size_t alerts) : store({.max_alerts = alerts}) { engine.Start(); }
  MemoryAlertStore store;
  Outbox outbox{store, base::Clock::Real()};
  AlertEngine engine{
      {.dedup_keys = 20'000, .queue_bytes = size_t{1} << 30}, store, outbox, base::Clock::Real()};
};

void BM_RaiseAccepted(benchmark::State& state) {
  Rig rig(1000);
  AlertDraft draft = Draft();
  uint64_t number = 0;
  for (auto _ : state) {
    draft.alert.set_process_key(std::to_string(++number));
    AlertDraft copy = draft;
    if (rig.engine.Raise(std::move(copy)) != RaiseOutcome::kAccepted) {
      state.SkipWithError("not accepted");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
// So many that the queue, not the engine's thread, takes them all.
BENCHMARK(BM_RaiseAccepted)->Iterations(100'000)->UseRealTime();

void BM_RaiseHeldBack(benchmark::State& state) {
  Rig rig(1000);
  const AlertDraft draft = Draft();
  rig.engine.Raise(draft);
  for (auto _ : state) {
    if (rig.engine.Raise(draft) != RaiseOutcome::kSuppressed) {
      state.SkipWithError("not held back");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RaiseHeldBack);

}  // namespace
}  // namespace daemoneye::alerting

BENCHMARK_MAIN();
