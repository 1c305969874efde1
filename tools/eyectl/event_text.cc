#include "tools/eyectl/event_text.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/event_detail.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

// Columns of an event's line.
constexpr std::string_view kColumns = "{:<12} {:<10} {:>7} {:<10} {:<15} {}";

std::string TimeOfDay(const v1::CollectionEvent& event, absl::TimeZone zone) {
  if (!event.has_event_time() && !event.has_observed_time()) return "";
  const auto& time = event.has_event_time() ? event.event_time() : event.observed_time();
  return absl::FormatTime(
      "%H:%M:%E3S", absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()), zone);
}

std::string Publisher(const v1::Publisher& p) {
  return fmt::format("{}@{}", EscapeForTerminal(p.monitor()), EscapeForTerminal(p.host()));
}

std::string CapNames(const google::protobuf::RepeatedField<int>& caps) {
  std::string out;
  for (const int cap : caps) {
    out += (out.empty() ? "" : ", ") + EnumName(static_cast<v1::SourceCap>(cap));
  }
  return out.empty() ? "none" : out;
}

std::string SnapshotText(const v1::SnapshotComplete& s) {
  std::string out = fmt::format("snapshot of {} as of position {}", s.count(), s.as_of_sequence());
  if (s.has_read() && s.has_total() && s.read() != s.total()) {
    out += fmt::format("; the last cycle read {} of {} processes", s.read(), s.total());
  }
  for (const std::string& monitor : s.missing_monitors()) {
    out += "; missing: " + EscapeForTerminal(monitor);
  }
  return out;
}

std::string MissedText(const v1::Missed& m) {
  const std::string count = m.has_count() ? std::to_string(m.count()) : "an unknown number of";
  return fmt::format("!! MISSED {} events: positions {}..{} were not held any more", count,
                     m.first_sequence(), m.last_sequence());
}

}  // namespace

std::string EventText::Header() const {
  return style_.Paint(Tone::kDim, fmt::format(fmt::runtime(kColumns), "TIME", "ACTION", "PID",
                                              "USER", "NAME", "DETAIL")) +
         "\n";
}

std::string EventText::Line(const v1::CollectionEvent& event) {
  if (event.payload_case() == v1::CollectionEvent::kControl) return ControlLine(event.control());
  return EventLine(event);
}

std::string EventText::EventLine(const v1::CollectionEvent& event) const {
  EventDetail detail = DetailOf(event);
  const v1::Origin& origin = event.origin();
  if (!publisher_stream_id_.empty() && origin.stream_id() != publisher_stream_id_) {
    const std::string host =
        origin.host() == publisher_host_ ? "" : "@" + EscapeForTerminal(origin.host());
    detail.text += fmt::format("  ({}{})", EscapeForTerminal(origin.monitor()), host);
  }
  const std::string line =
      Cut(fmt::format(fmt::runtime(kColumns), TimeOfDay(event, options_.time_zone), detail.action,
                      detail.pid, detail.user, detail.name, detail.text));
  return style_.Paint(detail.tone, line) + "\n";
}

// By characters: a terminal's width is in columns, and most characters take one.
std::string EventText::Cut(std::string line) const {
  if (options_.columns <= 0) return line;
  size_t at = 0;
  int characters = 0;
  while (at < line.size()) {
    if (characters == options_.columns - 1) {
      line.resize(at);
      return line + "…";
    }
    ++at;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80) ++at;
    ++characters;
  }
  return line;
}

std::string EventText::ControlLine(const v1::StreamControl& control) {
  std::string text;
  Tone tone = Tone::kDim;
  switch (control.message_case()) {
    case v1::StreamControl::kStreamStarted: {
      const v1::StreamStarted& s = control.stream_started();
      publisher_stream_id_ = s.stream_id();
      publisher_host_ = s.publisher().host();
      text =
          fmt::format("stream {} of {} from position {}{}", EscapeForTerminal(s.stream_id()),
                      Publisher(s.publisher()), s.first_sequence(), s.resumed() ? ", resumed" : "");
      break;
    }
    case v1::StreamControl::kPublisher:
      text = fmt::format("publisher {}, its stream {}", Publisher(control.publisher()),
                         EscapeForTerminal(control.publisher().stream_id()));
      break;
    case v1::StreamControl::kSnapshotComplete:
      text = SnapshotText(control.snapshot_complete());
      break;
    case v1::StreamControl::kMissed:
      text = MissedText(control.missed());
      tone = Tone::kAlarm;
      break;
    case v1::StreamControl::kCapabilitiesChanged: {
      const v1::CapabilitiesChanged& c = control.capabilities_changed();
      text =
          fmt::format("capabilities now {}: {}", CapNames(c.caps()), EscapeForTerminal(c.reason()));
      tone = Tone::kWarning;
      break;
    }
    case v1::StreamControl::kHeartbeat:
      return "";
    case v1::StreamControl::MESSAGE_NOT_SET:
      text = "a notice of a kind that this eyectl does not know";
      break;
  }
  return style_.Paint(tone, "-- " + text) + "\n";
}

}  // namespace daemoneye::eyectl
