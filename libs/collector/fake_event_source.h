// FakeEventSource: an event source whose every answer a test decides.
//
// The test holds a FakeSourceScript, which outlives the source and whatever thread it left behind;
// the source itself belongs to the collector.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/collector/event_source.h"

namespace daemoneye::collector {

// Which call of the source is meant.
enum class FakeCall { kStart, kStop, kHealthCheck, kRefresh };

// Threads: all methods from any.
class FakeSourceScript {
 public:
  explicit FakeSourceScript(std::string name, SourceCaps caps = SourceCaps::kProcess);
  // Lets every hanging call go.
  ~FakeSourceScript();

  // The next Start calls answer these, in order; OK when none is left.
  void FailStarts(std::vector<absl::Status> statuses);
  // Every such call blocks until Release.
  void Hang(FakeCall call);
  void Release(FakeCall call);
  void SetHealth(SourceHealth health);
  // Called inside Start, Stop and Refresh, before they return OK.
  void OnStart(std::function<void(EventSink&)> body);
  void OnStop(std::function<void(EventSink&)> body);
  void OnRefresh(std::function<absl::Status(EventSink&, base::Monotonic)> body);
  // Runs on the source's own thread between Start and Stop.
  void OnRun(std::function<void(EventSink&, std::stop_token)> body);

  // Blocks until the call was entered `count` times.
  void AwaitCalls(FakeCall call, int count) const;
  int calls(FakeCall call) const;
  // The sink of the last Start; null before.
  EventSink* sink() const;

 private:
  friend class FakeEventSource;
  struct State;
  std::shared_ptr<State> state_;
};

std::unique_ptr<EventSource> MakeFakeEventSource(const FakeSourceScript& script);

// A process event of that action, with pid and process_key made of `number`.
event::Event FakeProcessEvent(v1::ProcessAction action, uint32_t number);
// START events numbered from `first`.
event::EventList FakeProcessEvents(uint32_t first, size_t count);

}  // namespace daemoneye::collector
