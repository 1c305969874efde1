#include "tools/eyectl/event_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/event_json.h"

namespace daemoneye::eyectl {
namespace {

bool IsLoss(const v1::CollectionEvent& event) {
  return event.has_loss() || event.control().has_missed();
}

bool IsSnapshot(const v1::CollectionEvent& event) {
  return event.sequence() == 0 && !event.has_control();
}

}  // namespace

EventPrinter::EventPrinter(EventPrinterOptions options, Style style, Output& out, Output& err)
    : options_(options), text_(style, {.columns = out.Columns()}), out_(out), err_(err) {}

absl::Status EventPrinter::Print(const v1::CollectionEvent& event) {
  Account(event);
  if (!options_.list_snapshot && IsSnapshot(event)) return absl::OkStatus();
  if (!options_.json) {
    const std::string header = std::exchange(has_header_, true) ? "" : text_.Header();
    return out_.Write(header + text_.Line(event));
  }
  RETURN_IF_ERROR(out_.Write(EventJson(event) + "\n"));
  if (!IsLoss(event)) return absl::OkStatus();
  EventText plain(Style(false), {});
  return err_.Write("eyectl: " + plain.Line(event));
}

void EventPrinter::Account(const v1::CollectionEvent& event) {
  if (!event.has_control()) {
    ++events_;
    sequence_ = std::max<uint64_t>(sequence_, event.sequence());
    if (event.has_loss()) lost_ += std::max<uint64_t>(event.loss().count(), 1);
    return;
  }
  const v1::StreamControl& control = event.control();
  if (control.has_stream_started()) {
    stream_id_ = control.stream_started().stream_id();
    const uint64_t first = control.stream_started().first_sequence();
    sequence_ = first > 0 ? first - 1 : 0;
  } else if (control.has_snapshot_complete()) {
    sequence_ = std::max<uint64_t>(sequence_, control.snapshot_complete().as_of_sequence());
  } else if (control.has_heartbeat()) {
    sequence_ = std::max<uint64_t>(sequence_, control.heartbeat().sequence());
  } else if (control.has_missed()) {
    missed_ += std::max<uint64_t>(control.missed().count(), 1);
    sequence_ = std::max<uint64_t>(sequence_, control.missed().last_sequence());
  }
}

std::string EventPrinter::Summary() const {
  std::string out = fmt::format("{} events", events_);
  if (missed_ > 0) out += fmt::format(", {} MISSED by this client", missed_);
  if (lost_ > 0) out += fmt::format(", {} LOST before they reached the stream", lost_);
  return out;
}

std::string EventPrinter::ResumePosition() const {
  if (stream_id_.empty()) return "";
  return fmt::format("{}:{}", base::EscapeForTerminal(stream_id_), sequence_);
}

}  // namespace daemoneye::eyectl
