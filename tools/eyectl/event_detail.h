// The parts of an event's line: who it is about and what happened, as plain escaped text.
#pragma once

#include <string>

#include "daemoneye/v1/event.pb.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

struct EventDetail {
  std::string action;
  // Process id, user and name where the event has them.
  std::string pid, user, name;
  std::string text;
  Tone tone = Tone::kPlain;
};

// For every payload but control.
EventDetail DetailOf(const v1::CollectionEvent& event);

// Elements joined by spaces; one with a space, a quote, or nothing in it stands in quotes.
std::string CommandLine(const google::protobuf::RepeatedPtrField<std::string>& elements);

// "12s", "3m5s", "250ms": seconds with at most three decimals.
std::string ShortDuration(const google::protobuf::Duration& duration);

// "1.5 MiB".
std::string ByteCount(uint64_t bytes);

}  // namespace daemoneye::eyectl
