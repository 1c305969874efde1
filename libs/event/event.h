// What every room asks of a CollectionEvent: its kind, its action, its subject.
#pragma once

#include <cstdint>
#include <optional>
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

// The process it is about, of every kind that has one: pid, or target_pid of a trigger's request.
std::optional<uint32_t> PidOf(const Event& event);
// process_key, or target_process_key of a trigger's request; empty when it has none.
std::string_view ProcessKeyOf(const Event& event);

// True for what exists, as part of a snapshot: state, not a position of the log.
bool IsSnapshot(const Event& event);
// True for the last word about a subject: it ended, was closed.
bool EndsSubject(const Event& event);

// True for a reading of a process's CPU and memory: sent only to who asks.
bool IsSample(const Event& event);
// True for a process that the monitor itself spawned: sent only to who asks.
bool IsOwn(const Event& event);

}  // namespace daemoneye::event
