// EventText: events as lines for a person: aligned, escaped, coloured where the terminal can.
//
// Whatever comes from outside goes through base::EscapeForTerminal. Thread-compatible.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

struct EventTextOptions {
  absl::TimeZone time_zone = absl::LocalTimeZone();
  // Lines are cut here, in characters; 0: never.
  int columns = 0;
};

class EventText {
 public:
  EventText(Style style, EventTextOptions options) : style_(style), options_(options) {}

  // The names of the columns.
  std::string Header() const;

  // The line for `event`, newline included; empty for a heartbeat. Remembers from stream_started
  // whose log this is, so that only events of other publishers name theirs.
  std::string Line(const v1::CollectionEvent& event);

 private:
  std::string EventLine(const v1::CollectionEvent& event) const;
  std::string Cut(std::string line) const;
  std::string ControlLine(const v1::StreamControl& control);

  Style style_;
  EventTextOptions options_;
  // Of whose log the stream is.
  std::string publisher_stream_id_, publisher_host_;
};

}  // namespace daemoneye::eyectl
