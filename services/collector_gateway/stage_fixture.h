// What tests of stages share: an execution written as text, and the gateway's own memory of
// processes: bus, live tables and store, all real.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "libs/analysis/result_check.h"
#include "libs/analysis/stage_runner.h"
#include "libs/base/mutex.h"
#include "libs/event_bus/local_event_bus.h"
#include "libs/storage/sqlite/store_fixture.h"
#include "libs/trigger/trigger_engine.h"
#include "services/collector_gateway/known_processes.h"
#include "services/collector_gateway/process_lookup.h"
#include "services/collector_gateway/query_engine.h"

namespace daemoneye::gateway {

inline constexpr int64_t kEventSeconds = 1'700'000'000;

// An attempt at stage `stage` of an execution in protobuf's text form.
inline analysis::StageWork WorkOf(const std::string& execution, int stage = 0) {
  auto made = std::make_shared<v1::WorkflowExecution>();
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(execution, made.get())) << execution;
  return {.execution = std::move(made), .stage = stage, .timeout = absl::Seconds(30)};
}

// What an attempt comes to; waits for it.
inline analysis::StageOutcome OutcomeOf(analysis::StageRunner& runner,
                                        const analysis::StageWork& work) {
  struct Waiting {
    base::Mutex mu;
    base::CondVar changed;
    bool has_ended GUARDED_BY(mu) = false;
    analysis::StageOutcome outcome GUARDED_BY(mu) = {.result = absl::UnknownError(""),
                                                     .alert_ids = {}};
  };
  auto waiting = std::make_shared<Waiting>();
  const analysis::Begun begun = runner.Begin(work, [waiting](analysis::StageOutcome outcome) {
    const base::MutexLock lock(waiting->mu);
    waiting->outcome = std::move(outcome);
    waiting->has_ended = true;
    waiting->changed.NotifyAll();
  });
  EXPECT_NE(begun.call, nullptr);
  const base::MutexLock lock(waiting->mu);
  while (!waiting->has_ended) waiting->changed.Wait(waiting->mu);
  if (waiting->outcome.result.ok()) {
    EXPECT_TRUE(analysis::CheckResult(*waiting->outcome.result).ok())
        << analysis::CheckResult(*waiting->outcome.result);
  }
  return waiting->outcome;
}

class NoMatches final : public trigger::MatchSink {
 public:
  bool OnMatch(const trigger::TriggerMatch& /*match*/) override { return true; }
  void OnTimeout(const trigger::TriggerMatch& /*match*/) override {}
  void OnRateLimited(const trigger::RateLimitNotice& /*notice*/) override {}
  void OnSuspended(const std::string& /*id*/, const std::string& /*reason*/) override {}
};

class KnownGateway {
 public:
  KnownGateway() {
    trigger::EngineOptions options;
    options.state = [this] { return KnownProcesses(bus_); };
    engine_ = std::make_unique<trigger::TriggerEngine>(options, sink_, base::Clock::Real());
  }

  // A START of a process of host "h": pid n is "key-n", and runs /bin/<name>.
  static v1::CollectionEvent Start(uint32_t pid, uint32_t ppid, const std::string& name,
                                   int64_t seconds = kEventSeconds) {
    v1::CollectionEvent event;
    event.set_source("process-exec");
    event.mutable_event_time()->set_seconds(seconds);
    v1::ProcessEvent& process = *event.mutable_process();
    process.set_action(v1::PROCESS_ACTION_START);
    process.set_process_key("key-" + std::to_string(pid));
    process.set_pid(pid);
    process.set_ppid(ppid);
    if (ppid != 0) process.set_parent_key("key-" + std::to_string(ppid));
    process.set_name(name);
    process.set_executable_path("/bin/" + name);
    process.set_first_image(true);
    return event;
  }

  // Publishes the event and stores it; its origin is host "h", unless it has one.
  void Tell(v1::CollectionEvent event) {
    ++sequence_;
    v1::Origin& origin = *event.mutable_origin();
    if (origin.host().empty()) origin.set_host("h");
    origin.set_monitor("procmond");
    origin.set_stream_id("11111111-1111-4111-8111-111111111111");
    origin.set_sequence(sequence_);
    Store(event);
    // Before it is first asked it takes what the bus knows.
    const v1::CollectionEvent* const one[] = {&event};
    if (engine_->needs_events()) engine_->Process(one);
    event::EventList events;
    events.push_back(std::move(event));
    bus_.Publish(std::move(events));
  }
  // Stores it only: nobody remembers it.
  void Store(const v1::CollectionEvent& event) {
    v1::CollectionEvent stored = event;
    if (stored.origin().sequence() == 0) {
      stored.mutable_origin()->set_host("h");
      stored.mutable_origin()->set_stream_id("11111111-1111-4111-8111-111111111111");
      stored.mutable_origin()->set_sequence(++sequence_);
    }
    const std::string bytes = stored.SerializeAsString();
    const storage::EventToStore one[] = {{.sequence = sequence_, .event = &stored, .bytes = bytes}};
    const auto appended = store_.store().Append({.log_stream_id = "log", .events = one});
    EXPECT_TRUE(appended.ok()) << appended.status();
  }

  ReadLive read_live() {
    return [this](const auto& read) { engine_->ReadLive(read); };
  }
  const QueryEngine& queries() const { return queries_; }
  ProcessLookup::Ports lookup() {
    return {.read_live = read_live(), .queries = &queries_, .events = &store_.store()};
  }

 private:
  event_bus::LocalEventBus bus_{{.monitor = "gateway", .host = "g", .ended_bytes = 1 << 20},
                                base::Clock::Real()};
  NoMatches sink_;
  std::unique_ptr<trigger::TriggerEngine> engine_;
  storage::SqliteStoreFixture store_;
  uint64_t sequence_ = 0;
  QueryEngine queries_{
      {.store = &store_.sqlite(), .tables = {.bus = &bus_, .read_live = read_live()}},
      base::Clock::Real()};
};

}  // namespace daemoneye::gateway
