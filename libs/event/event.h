// What every room asks of a CollectionEvent: its kind, its action, its subject.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "daemoneye/v1/event.pb.h"

namespace daemoneye::event {

using Event = v1::CollectionEvent;
using EventList = std::vector<v1::CollectionEvent>;

v1::EventKind KindOf(const Event& event);

// The number of the payload's action enum (ProcessAction, NetworkAction, FilesystemAction); 0 for a
// kind without one.
int ActionOf(const Event& event);

// "process", "network", "filesystem", "performance", "trigger", "loss", "control"; "unknown" for
// any other.
std::string_view KindName(v1::EventKind kind);

// The action without prefix: "START", "CONNECT", ...; for a kind without actions "METRIC"
// (performance), "REQUEST" (trigger), "LOST" (loss). Empty when unknown.
std::string_view ActionName(v1::EventKind kind, int action);

// Identity of what the event is about within its host: process_key of a process, connection_id of a
// connection; empty for events that change no state.
std::string_view SubjectOf(const Event& event);

// True for a reading of a process's CPU and memory: sent only to who asks.
bool IsSample(const Event& event);
// True for a process that the monitor itself spawned: sent only to who asks.
bool IsOwn(const Event& event);

}  // namespace daemoneye::event
