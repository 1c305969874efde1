#include "libs/collector/fake_event_source.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::collector {

struct FakeSourceScript::State {
  mutable base::Mutex mu;
  mutable base::CondVar changed;
  SourceDescriptor descriptor;  // not changed after construction
  std::string name;
  std::deque<absl::Status> starts GUARDED_BY(mu);
  std::set<FakeCall> hanging GUARDED_BY(mu);
  std::map<FakeCall, int> calls GUARDED_BY(mu);
  SourceHealth health GUARDED_BY(mu);
  std::function<void(EventSink&)> on_start GUARDED_BY(mu);
  std::function<void(EventSink&)> on_stop GUARDED_BY(mu);
  std::function<absl::Status(EventSink&, base::Monotonic)> on_refresh GUARDED_BY(mu);
  std::function<void(EventSink&, std::stop_token)> on_run GUARDED_BY(mu);
  EventSink* sink GUARDED_BY(mu) = nullptr;

  // Counts the call and blocks while such calls hang.
  void EnterLocked(FakeCall call) REQUIRES(mu) {
    ++calls[call];
    changed.NotifyAll();
    while (hanging.contains(call)) changed.Wait(mu);
  }
  template <typename T>
  void Set(T State::* member, T value) {
    base::MutexLock lock(mu);
    this->*member = std::move(value);
  }
};

class FakeEventSource final : public EventSource {
 public:
  explicit FakeEventSource(const FakeSourceScript& script) : state_(script.state_) {}

  const SourceDescriptor& descriptor() const override { return state_->descriptor; }

  absl::Status Start(EventSink& sink) override {
    std::function<void(EventSink&)> on_start;
    std::function<void(EventSink&, std::stop_token)> on_run;
    {
      base::MutexLock lock(state_->mu);
      state_->EnterLocked(FakeCall::kStart);
      if (!state_->starts.empty()) {
        absl::Status status = std::move(state_->starts.front());
        state_->starts.pop_front();
        if (!status.ok()) return status;
      }
      state_->sink = &sink;
      on_start = state_->on_start;
      on_run = state_->on_run;
    }
    if (on_start) on_start(sink);
    if (on_run) {
      thread_ = base::Thread(
          "fake-source", [on_run, &sink](std::stop_token stop) { on_run(sink, std::move(stop)); });
    }
    return absl::OkStatus();
  }

  void Stop() override {
    std::function<void(EventSink&)> on_stop;
    EventSink* sink;
    {
      base::MutexLock lock(state_->mu);
      state_->EnterLocked(FakeCall::kStop);
      on_stop = state_->on_stop;
      sink = state_->sink;
    }
    thread_.StopAndJoin();
    if (on_stop && sink != nullptr) on_stop(*sink);
  }

  SourceHealth HealthCheck() const override {
    base::MutexLock lock(state_->mu);
    state_->EnterLocked(FakeCall::kHealthCheck);
    return state_->health;
  }

  absl::Status Refresh(base::Monotonic deadline) override {
    std::function<absl::Status(EventSink&, base::Monotonic)> on_refresh;
    EventSink* sink;
    {
      base::MutexLock lock(state_->mu);
      state_->EnterLocked(FakeCall::kRefresh);
      on_refresh = state_->on_refresh;
      sink = state_->sink;
    }
    if (!on_refresh || sink == nullptr) return absl::OkStatus();
    return on_refresh(*sink, deadline);
  }

 private:
  const std::shared_ptr<FakeSourceScript::State> state_;
  base::Thread thread_;
};

FakeSourceScript::FakeSourceScript(std::string name, SourceCaps caps)
    : state_(std::make_shared<State>()) {
  state_->name = std::move(name);
  state_->descriptor.name = state_->name;
  state_->descriptor.caps = caps;
  state_->descriptor.events = {"events.process.start"};
}

FakeSourceScript::~FakeSourceScript() {
  base::MutexLock lock(state_->mu);
  state_->hanging.clear();
  state_->changed.NotifyAll();
}

void FakeSourceScript::FailStarts(std::vector<absl::Status> statuses) {
  base::MutexLock lock(state_->mu);
  state_->starts.insert(state_->starts.end(), statuses.begin(), statuses.end());
}

void FakeSourceScript::Hang(FakeCall call) {
  base::MutexLock lock(state_->mu);
  state_->hanging.insert(call);
}

void FakeSourceScript::Release(FakeCall call) {
  base::MutexLock lock(state_->mu);
  state_->hanging.erase(call);
  state_->changed.NotifyAll();
}

void FakeSourceScript::SetHealth(SourceHealth health) {
  state_->Set(&State::health, std::move(health));
}

void FakeSourceScript::OnStart(std::function<void(EventSink&)> body) {
  state_->Set(&State::on_start, std::move(body));
}

void FakeSourceScript::OnStop(std::function<void(EventSink&)> body) {
  state_->Set(&State::on_stop, std::move(body));
}

void FakeSourceScript::OnRefresh(std::function<absl::Status(EventSink&, base::Monotonic)> body) {
  state_->Set(&State::on_refresh, std::move(body));
}

void FakeSourceScript::OnRun(std::function<void(EventSink&, std::stop_token)> body) {
  state_->Set(&State::on_run, std::move(body));
}

void FakeSourceScript::AwaitCalls(FakeCall call, int count) const {
  base::MutexLock lock(state_->mu);
  while (state_->calls[call] < count) state_->changed.Wait(state_->mu);
}

int FakeSourceScript::calls(FakeCall call) const {
  base::MutexLock lock(state_->mu);
  return state_->calls[call];
}

EventSink* FakeSourceScript::sink() const {
  base::MutexLock lock(state_->mu);
  return state_->sink;
}

std::unique_ptr<EventSource> MakeFakeEventSource(const FakeSourceScript& script) {
  return std::make_unique<FakeEventSource>(script);
}

event::Event FakeProcessEvent(v1::ProcessAction action, uint32_t number) {
  event::Event event;
  event.mutable_observed_time()->set_seconds(1'700'000'000);
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(action);
  process.set_pid(number);
  process.set_process_key(fmt::format("0123456789abcdef-4026531836-{}-{}", number, number));
  process.set_name("fake");
  return event;
}

event::EventList FakeProcessEvents(uint32_t first, size_t count) {
  event::EventList events;
  events.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    events.push_back(FakeProcessEvent(v1::PROCESS_ACTION_START, first + i));
  }
  return events;
}

}  // namespace daemoneye::collector
