#include "services/collector_gateway/known_processes.h"

#include <string>
#include <string_view>

namespace daemoneye::gateway {
namespace {

void Append(std::string_view bytes, event::EventList* events) {
  event::Event event;
  if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  if (event.has_process()) events->push_back(std::move(event));
}

}  // namespace

event::EventList KnownProcesses(const event_bus::EventBus& bus) {
  v1::EventFilter filter;
  filter.add_kinds(v1::EVENT_KIND_PROCESS);
  filter.set_own(true);
  event::EventList events;
  const auto snapshot = bus.Snapshot(filter);
  if (snapshot.ok()) {
    for (const std::string& bytes : snapshot->events) Append(bytes, &events);
  }
  // Asked for last, so that what ends meanwhile is in one of the two.
  for (const event_bus::EndedSubject& subject : bus.Ended()) {
    if (subject.last_word != nullptr) Append(*subject.last_word, &events);
    Append(*subject.end, &events);
  }
  return events;
}

}  // namespace daemoneye::gateway
