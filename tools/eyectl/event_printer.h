// EventPrinter: writes a stream's events and keeps the account of what the stream said it lost.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "daemoneye/v1/event.pb.h"
#include "tools/eyectl/event_text.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

struct EventPrinterOptions {
  bool json = false;
  // False: SNAPSHOT events are left out and only snapshot_complete is shown.
  bool list_snapshot = true;
};

class EventPrinter {
 public:
  // Lines go to `out`; losses also to `err` where the lines are for a program. Both outlive it.
  EventPrinter(EventPrinterOptions options, Style style, Output& out, Output& err);

  // Writes the event, before the first one the header that a person needs. Cancelled when the
  // reader is gone.
  absl::Status Print(const v1::CollectionEvent& event);

  // "5 events, 3 lost": for the end.
  std::string Summary() const;
  bool HasLoss() const { return missed_ > 0 || lost_ > 0; }
  // What --resume takes to go on from here; empty before the first position.
  std::string ResumePosition() const;

 private:
  void Account(const v1::CollectionEvent& event);

  EventPrinterOptions options_;
  EventText text_;
  Output& out_;
  Output& err_;
  bool has_header_ = false;
  uint64_t events_ = 0;
  // Events this client missed, or everybody lost; an unknown number counts 1.
  uint64_t missed_ = 0, lost_ = 0;
  std::string stream_id_;
  uint64_t sequence_ = 0;
};

}  // namespace daemoneye::eyectl
