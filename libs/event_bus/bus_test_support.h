// What tests of the event bus share: events to publish, and readers of what comes back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/event_bus/event_bus.h"

namespace daemoneye::event_bus {

inline event::Event ProcessWord(v1::ProcessAction action, uint32_t pid) {
  event::Event event;
  event.mutable_process()->set_action(action);
  event.mutable_process()->set_pid(pid);
  event.mutable_process()->set_process_key("key-" + std::to_string(pid));
  return event;
}

inline event::Event StartOf(uint32_t pid) { return ProcessWord(v1::PROCESS_ACTION_START, pid); }

// START events of pids first, first + 1, ...
inline event::EventList Starts(uint32_t first, size_t count) {
  event::EventList events;
  for (size_t i = 0; i < count; ++i) events.push_back(StartOf(first + i));
  return events;
}

inline event::EventList ListOf(event::Event event) {
  event::EventList events;
  events.push_back(std::move(event));
  return events;
}

// The delivered events as they go to a client.
inline std::vector<std::string> BytesOf(const Delivery& delivery) {
  std::vector<std::string> events;
  for (const BatchSpan& span : delivery.spans) {
    for (uint32_t i = span.first; i < span.first + span.count; ++i) {
      events.emplace_back(span.batch->event_bytes(i));
    }
  }
  return events;
}

// The same, parsed; one that does not parse is empty.
inline event::EventList EventsOf(const Delivery& delivery) {
  event::EventList events;
  for (const std::string& bytes : BytesOf(delivery)) {
    if (!events.emplace_back().ParseFromString(bytes)) events.back().Clear();
  }
  return events;
}

inline std::vector<uint64_t> SequencesOf(const Delivery& delivery) {
  std::vector<uint64_t> sequences;
  for (const event::Event& event : EventsOf(delivery)) sequences.push_back(event.sequence());
  return sequences;
}

// Events as a monitor would send them, framed: sequences from `first`, origin and correlation set.
inline FramedEvents Framed(event::EventList events, uint64_t first = 1000,
                           const std::string& stream_id = "origin-stream") {
  FramedEvents framed;
  for (event::Event& event : events) {
    const bool is_state = event::IsSnapshot(event);
    if (!is_state) event.set_sequence(first);
    event.mutable_origin()->set_stream_id(stream_id);
    if (!is_state) event.mutable_origin()->set_sequence(first++);
    event.mutable_correlation()->set_correlation_id("c");
    const std::string bytes = event.SerializeAsString();
    framed.offsets.push_back(static_cast<uint32_t>(framed.frames.size()));
    framed.frames.push_back(0x0A);
    for (size_t size = bytes.size(); true; size >>= 7) {
      framed.frames.push_back(static_cast<char>(size >= 0x80 ? size | 0x80 : size));
      if (size < 0x80) break;
    }
    framed.frames += bytes;
  }
  framed.parsed = std::make_shared<event::EventList>(std::move(events));
  return framed;
}

inline bool AddsUp(const SubscriberStatistics& s, uint64_t next_sequence) {
  return next_sequence - s.first_sequence == s.delivered + s.filtered + s.dropped + s.queued;
}

}  // namespace daemoneye::event_bus
