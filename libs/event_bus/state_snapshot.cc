#include "libs/event_bus/state_snapshot.h"

#include <algorithm>

namespace daemoneye::event_bus {
namespace {

// Events that are parsed and filtered together; SQL pays for larger runs, memory for longer.
constexpr size_t kRun = 256;

void MakeSnapshot(event::Event& event, bool is_first_image) {
  event.clear_sequence();
  event.mutable_origin()->clear_sequence();
  if (event.has_network()) event.mutable_network()->set_action(v1::NETWORK_ACTION_SNAPSHOT);
  if (!event.has_process()) return;
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(v1::PROCESS_ACTION_SNAPSHOT);
  process.set_first_image(is_first_image);
  process.clear_modified_fields();
  process.clear_suspicion();
  process.clear_runtime();
}

}  // namespace

std::vector<std::string> RenderSnapshot(std::span<const LiveState::Item> items,
                                        EventSelector& selector) {
  std::vector<std::string> rendered;
  std::vector<event::Event> events(std::min(items.size(), kRun));
  std::vector<const event::Event*> run;
  std::vector<uint8_t> passes;
  while (!items.empty()) {
    const size_t count = std::min(items.size(), kRun);
    run.clear();
    for (size_t i = 0; i < count; ++i) {
      // What was published did parse.
      if (!events[i].ParseFromString(*items[i].bytes)) continue;
      MakeSnapshot(events[i], items[i].is_first_image);
      run.push_back(&events[i]);
    }
    selector.Select(run, passes);
    for (size_t i = 0; i < run.size(); ++i) {
      if (passes[i] != 0) rendered.push_back(run[i]->SerializeAsString());
    }
    items = items.subspan(count);
  }
  return rendered;
}

}  // namespace daemoneye::event_bus
