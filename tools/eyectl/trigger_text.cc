#include "tools/eyectl/trigger_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "google/protobuf/util/time_util.h"
#include "libs/base/text.h"
#include "tools/eyectl/enum_name.h"
#include "tools/eyectl/event_detail.h"
#include "tools/eyectl/event_text.h"
#include "tools/eyectl/table.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;
using google::protobuf::util::TimeUtil;

std::string StateOf(const v1::Trigger& trigger, absl::Time now) {
  if (trigger.has_enabled() && !trigger.enabled()) return "disabled";
  if (!trigger.suspended().empty()) return "SUSPENDED";
  if (trigger.has_muted_until() &&
      TimeUtil::TimestampToNanoseconds(trigger.muted_until()) > absl::ToUnixNanos(now)) {
    return "muted until " + TimeUtil::ToString(trigger.muted_until());
  }
  return "on";
}

uint64_t SuppressedOf(const v1::TriggerStatistics& statistics) {
  uint64_t total = 0;
  for (const auto& [reason, count] : statistics.suppressed()) total += count;
  return total;
}

std::string Cost(const google::protobuf::Duration& time) {
  return fmt::format("{:.3f}s", static_cast<double>(time.seconds()) + time.nanos() * 1e-9);
}

}  // namespace

std::string TriggersText(const std::vector<v1::Trigger>& triggers, absl::Time now) {
  if (triggers.empty()) return "this gateway has no triggers\n";
  Table table({"TRIGGER", "STATE", "BY", "SEVERITY", "ATT&CK", "DESCRIPTION"});
  for (const v1::Trigger& t : triggers) {
    table.Add({EscapeForTerminal(t.id()), StateOf(t, now), EnumName(t.managed_by()),
               t.severity() == v1::SEVERITY_UNSPECIFIED ? "MEDIUM" : EnumName(t.severity()),
               EscapeForTerminal(fmt::format("{}", fmt::join(t.attack_ids(), ","))),
               EscapeForTerminal(t.description())});
  }
  return table.ToString();
}

std::string StatisticsText(const v1::GetTriggerStatisticsResponse& response) {
  Table table(
      {"TRIGGER", "EVALUATED", "MATCHED", "ACCEPTED", "SUPPRESSED", "ERRORS", "CPU", "LAST MATCH"});
  for (const v1::TriggerStatistics& s : response.statistics()) {
    table.Add({EscapeForTerminal(s.trigger_id()), std::to_string(s.evaluated()),
               std::to_string(s.matched()), std::to_string(s.accepted()),
               std::to_string(SuppressedOf(s)), std::to_string(s.errors()), Cost(s.cpu_time()),
               s.has_last_matched_at() ? TimeUtil::ToString(s.last_matched_at()) : "-"});
  }
  std::string out = table.ToString();
  for (const v1::TriggerStatistics& s : response.statistics()) {
    if (s.suspended().empty()) continue;
    out += fmt::format("{} is suspended: {}\n", EscapeForTerminal(s.trigger_id()),
                       EscapeForTerminal(s.suspended()));
  }
  return out + fmt::format("-- {} of {} requests wait, {} timed out, {} events were missed\n",
                           response.queue_depth(), response.queue_capacity(), response.timed_out(),
                           response.missed_events());
}

std::string ValidationText(const v1::Trigger& trigger, const v1::ValidateTriggerResponse& response,
                           const Style& style) {
  const std::string id = trigger.id().empty() ? "trigger" : EscapeForTerminal(trigger.id());
  std::string out;
  if (response.valid()) {
    out = fmt::format("{}: {}, {} tests pass, {}\n", id, style.Paint(Tone::kGood, "valid"),
                      trigger.tests_size(),
                      response.indexed() ? "indexed" : "looked at for every event");
  }
  for (const v1::TriggerProblem& problem : response.problems()) {
    // Most sentences say it themselves.
    const bool has_more =
        problem.has_position() && problem.message().find("at position") == std::string::npos;
    out += fmt::format("{}: {}: {}{}\n", id, EscapeForTerminal(problem.field()),
                       style.Paint(Tone::kAlarm, EscapeForTerminal(problem.message())),
                       has_more ? fmt::format(" (at byte {})", problem.position()) : "");
  }
  return out;
}

std::string BackTestText(const v1::BackTestTriggerResponse& response, const Style& style) {
  std::string out;
  EventText text(style, {});
  for (const v1::TriggerMatch& match : response.matches()) {
    if (out.empty()) out += text.Header();
    out += text.Line(match.event());
    if (!match.key().empty()) out += fmt::format("    key {}\n", EscapeForTerminal(match.key()));
  }
  out += fmt::format(
      "-- {} of {} events match, {} excepted, {} errors, {} of CPU{}\n", response.matched(),
      response.evaluated(), response.excepted(), response.errors(), Cost(response.cpu_time()),
      response.approximate() ? ", approximate: live tables are as they are now" : "");
  if (!response.last_error().empty()) {
    out += style.Paint(Tone::kAlarm, "--   " + EscapeForTerminal(response.last_error())) + "\n";
  }
  for (const std::string& reason : response.completeness().reasons()) {
    out += style.Paint(Tone::kAlarm, "--   not complete: " + EscapeForTerminal(reason)) + "\n";
  }
  return out;
}

}  // namespace daemoneye::eyectl
