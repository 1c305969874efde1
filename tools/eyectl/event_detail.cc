#include "tools/eyectl/event_detail.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "absl/time/time.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

// Appends "  <formatted>".
template <typename... Args>
void Also(std::string& text, fmt::format_string<Args...> format, Args&&... args) {
  if (!text.empty()) text += "  ";
  fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
}

std::string List(const google::protobuf::RepeatedPtrField<std::string>& values) {
  std::string out;
  for (const std::string& value : values)
    out += (out.empty() ? "" : ",") + EscapeForTerminal(value);
  return out;
}

std::string WhatRuns(const v1::ProcessEvent& p) {
  if (!p.command_line().empty()) return CommandLine(p.command_line());
  if (p.has_executable_path()) return EscapeForTerminal(p.executable_path());
  return fmt::format("[{}]", EscapeForTerminal(p.name()));
}

void AddMarks(const v1::ProcessEvent& p, std::string& text) {
  if (p.has_container_id())
    Also(text, "container {}", EscapeForTerminal(p.container_id().substr(0, 12)));
  if (p.reconciled()) Also(text, "[reconciled]");
  if (p.own()) Also(text, "[own]");
  if (p.details_missing()) Also(text, "[ended before it could be read]");
}

std::string ProcessText(const v1::ProcessEvent& p) {
  std::string text;
  switch (p.action()) {
    case v1::PROCESS_ACTION_STOP:
      if (p.has_runtime()) Also(text, "after {}", ShortDuration(p.runtime()));
      if (p.has_exit_signal() && p.exit_signal() != 0) Also(text, "signal {}", p.exit_signal());
      if (p.has_exit_code()) Also(text, "exit {}", p.exit_code());
      Also(text, "{}", WhatRuns(p));
      break;
    case v1::PROCESS_ACTION_MODIFIED:
      Also(text, "changed {}:", List(p.modified_fields()));
      Also(text, "{}", WhatRuns(p));
      break;
    case v1::PROCESS_ACTION_SUSPICIOUS:
      Also(text, "{} {}: {}", EnumName(p.suspicion().severity()),
           EscapeForTerminal(p.suspicion().rule()), EscapeForTerminal(p.suspicion().reason()));
      Also(text, "{}", WhatRuns(p));
      break;
    case v1::PROCESS_ACTION_SAMPLE:
      if (p.has_cpu_usage_percent()) Also(text, "cpu {:.1f} %", p.cpu_usage_percent());
      if (p.has_memory_usage_bytes()) Also(text, "memory {}", ByteCount(p.memory_usage_bytes()));
      break;
    default:
      Also(text, "{}", WhatRuns(p));
      if (p.has_parent_name())
        Also(text, "by {} ({})", EscapeForTerminal(p.parent_name()), p.ppid());
  }
  AddMarks(p, text);
  return text;
}

Tone ProcessTone(v1::ProcessAction action) {
  switch (action) {
    case v1::PROCESS_ACTION_START:
      return Tone::kGood;
    case v1::PROCESS_ACTION_STOP:
      return Tone::kWarning;
    case v1::PROCESS_ACTION_EXEC:
    case v1::PROCESS_ACTION_MODIFIED:
      return Tone::kChange;
    case v1::PROCESS_ACTION_SUSPICIOUS:
      return Tone::kAlarm;
    case v1::PROCESS_ACTION_SNAPSHOT:
    case v1::PROCESS_ACTION_SAMPLE:
      return Tone::kDim;
    default:
      return Tone::kPlain;
  }
}

std::string Endpoint(const std::string& address, uint32_t port) {
  const bool is_v6 = address.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(is_v6 ? "[{}]:{}" : "{}:{}"), EscapeForTerminal(address), port);
}

EventDetail Network(const v1::NetworkEvent& n) {
  EventDetail out{.action = EnumName(n.action()), .name = EscapeForTerminal(n.protocol())};
  out.text = Endpoint(n.source_address(), n.source_port());
  if (n.has_destination_address()) {
    out.text += " -> " + Endpoint(n.destination_address(), n.destination_port());
  }
  if (n.has_state()) Also(out.text, "{}", EscapeForTerminal(n.state()));
  return out;
}

EventDetail Filesystem(const v1::FilesystemEvent& f) {
  EventDetail out{.action = EnumName(f.action())};
  if (f.has_old_path()) out.text = EscapeForTerminal(f.old_path()) + " -> ";
  out.text += EscapeForTerminal(f.path());
  if (f.has_size_bytes()) Also(out.text, "{}", ByteCount(f.size_bytes()));
  return out;
}

EventDetail Performance(const v1::PerformanceEvent& p) {
  EventDetail out{.action = "METRIC", .name = EscapeForTerminal(p.metric_name())};
  out.text = fmt::format("{:g} {}", p.value(), EscapeForTerminal(p.unit()));
  if (p.has_component()) Also(out.text, "{}", EscapeForTerminal(p.component()));
  return out;
}

EventDetail Trigger(const v1::TriggerRequest& t) {
  EventDetail out{
      .action = "TRIGGER", .name = EscapeForTerminal(t.trigger_id()), .tone = Tone::kAlarm};
  out.text = fmt::format("{} {}", EnumName(t.priority()), EnumName(t.analysis_type()));
  if (t.has_target_collector()) Also(out.text, "for {}", EscapeForTerminal(t.target_collector()));
  if (t.has_target_path()) Also(out.text, "{}", EscapeForTerminal(t.target_path()));
  return out;
}

EventDetail Loss(const v1::LossEvent& l) {
  EventDetail out{.action = "LOST", .tone = Tone::kAlarm};
  out.text = l.has_count() ? fmt::format("!! {} events lost", l.count())
                           : std::string("!! events lost, nobody knows how many");
  Also(out.text, "by {} at {}: {}", EscapeForTerminal(l.monitor()), EscapeForTerminal(l.stage()),
       EscapeForTerminal(l.reason()));
  if (l.has_first_sequence()) {
    Also(out.text, "positions {}..{} of {}", l.first_sequence(), l.last_sequence(),
         EscapeForTerminal(l.stream_id()));
  }
  if (l.has_total()) Also(out.text, "{} in all", l.total());
  return out;
}

}  // namespace

std::string CommandLine(const google::protobuf::RepeatedPtrField<std::string>& elements) {
  std::string out;
  for (const std::string& element : elements) {
    if (!out.empty()) out += ' ';
    const std::string safe = EscapeForTerminal(element);
    const bool quoted = safe.empty() || safe.find_first_of(" '\"") != std::string::npos;
    out += quoted ? fmt::format("\"{}\"", safe) : safe;
  }
  return out;
}

std::string ShortDuration(const google::protobuf::Duration& duration) {
  const absl::Duration d = absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  return absl::FormatDuration(absl::Trunc(d, absl::Milliseconds(1)));
}

std::string ByteCount(uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

EventDetail DetailOf(const v1::CollectionEvent& event) {
  EventDetail out;
  const auto set_pid = [&](const auto& payload) {
    if (payload.has_pid()) out.pid = std::to_string(payload.pid());
  };
  switch (event.payload_case()) {
    case v1::CollectionEvent::kProcess: {
      const v1::ProcessEvent& p = event.process();
      out = {.action = EnumName(p.action()),
             .user = EscapeForTerminal(p.user_name()),
             .name = EscapeForTerminal(p.name()),
             .text = ProcessText(p),
             .tone = ProcessTone(p.action())};
      set_pid(p);
      break;
    }
    case v1::CollectionEvent::kNetwork:
      out = Network(event.network());
      set_pid(event.network());
      break;
    case v1::CollectionEvent::kFilesystem:
      out = Filesystem(event.filesystem());
      set_pid(event.filesystem());
      break;
    case v1::CollectionEvent::kPerformance:
      out = Performance(event.performance());
      set_pid(event.performance());
      break;
    case v1::CollectionEvent::kTriggerRequest:
      out = Trigger(event.trigger_request());
      if (event.trigger_request().has_target_pid()) {
        out.pid = std::to_string(event.trigger_request().target_pid());
      }
      break;
    case v1::CollectionEvent::kLoss:
      out = Loss(event.loss());
      break;
    case v1::CollectionEvent::kControl:
    case v1::CollectionEvent::PAYLOAD_NOT_SET:
      out = {.action = "?", .text = "an event of a kind that this eyectl does not know"};
      break;
  }
  if (event.truncated()) Also(out.text, "[{} bytes cut]", event.truncated_bytes());
  return out;
}

}  // namespace daemoneye::eyectl
