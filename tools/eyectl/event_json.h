// EventJson: an event as one JSON object of one level, under OpenTelemetry's names where it has
// one.
//
// process.pid, process.parent_pid, process.executable.path, process.command_args, process.owner,
// container.id, k8s.pod.uid, host.name, ...; everything else is daemoneye.<message>.<field>, so
// that a field added to the API is there without a change here. What is absent in the event is
// absent.
#pragma once

#include <string>

#include "daemoneye/v1/event.pb.h"

namespace daemoneye::eyectl {

// One line without its newline, ASCII only: whatever else is escaped as \uXXXX, so that no control
// or bidi character reaches a terminal and nothing is lost.
std::string EventJson(const v1::CollectionEvent& event);

}  // namespace daemoneye::eyectl
