#include <fmt/format.h>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/events_command.h"
#include "tools/eyectl/filter_flags.h"

namespace daemoneye::eyectl {
namespace {

absl::StatusOr<SnapshotMode> ParseSnapshotMode(std::string_view text) {
  if (text == "list") return SnapshotMode::kList;
  if (text == "count") return SnapshotMode::kCount;
  if (text == "none") return SnapshotMode::kNone;
  return absl::InvalidArgumentError(
      fmt::format("'{}' is none of list, count, none", base::EscapeForTerminal(text)));
}

absl::Status ParseResume(std::string_view text, v1::ResumePosition& out) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not STREAM:SEQUENCE", base::EscapeForTerminal(text)));
  }
  ASSIGN_OR_RETURN(const uint64_t sequence, ParseUnsigned(text.substr(colon + 1)));
  out.set_stream_id(std::string(text.substr(0, colon)));
  out.set_after_sequence(sequence);
  return absl::OkStatus();
}

absl::Status ParseOverflow(std::string_view text, v1::StreamEventsRequest& request) {
  if (text == "drop_oldest") {
    request.set_overflow(v1::OVERFLOW_POLICY_DROP_OLDEST);
  } else if (text == "disconnect") {
    request.set_overflow(v1::OVERFLOW_POLICY_DISCONNECT);
  } else {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is neither drop_oldest nor disconnect", base::EscapeForTerminal(text)));
  }
  return absl::OkStatus();
}

absl::Status ParseHeartbeat(std::string_view text, google::protobuf::Duration& out) {
  ASSIGN_OR_RETURN(const absl::Duration d, ParseDuration(text));
  out.set_seconds(absl::ToInt64Seconds(d));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(d - absl::Seconds(out.seconds()))));
  return absl::OkStatus();
}

}  // namespace

void EventsCommand::AddFlags(FlagSet& flags) {
  flags.AddBool("json", "one JSON object a line, with OpenTelemetry's names", &json_);
  flags.Add({"follow", "",
             "go on with what happens (default true); =false: end after the snapshot or replay",
             [this](std::string_view v) -> absl::Status {
               ASSIGN_OR_RETURN(const bool follow, ParseBool(v));
               request_.set_follow(follow);
               return absl::OkStatus();
             }});
  flags.Add({"snapshot", "MODE", "the state before the events: list (default), count or none",
             [this](std::string_view v) -> absl::Status {
               ASSIGN_OR_RETURN(snapshot_, ParseSnapshotMode(v));
               request_.set_include_snapshot(snapshot_ != SnapshotMode::kNone);
               return absl::OkStatus();
             }});
  flags.Add({"max", "N", "end after this many events", [this](std::string_view v) -> absl::Status {
               ASSIGN_OR_RETURN(const uint64_t max, ParseUnsigned(v));
               request_.set_max_events(max);
               return absl::OkStatus();
             }});
  flags.AddDuration("for", "end after this long", &for_);
  flags.Add({"resume", "STREAM:SEQ", "go on behind this position of this stream",
             [this](std::string_view v) { return ParseResume(v, *request_.mutable_resume()); }});
  flags.Add({"overflow", "POLICY",
             "when we are too slow: drop_oldest (default), told, or disconnect",
             [this](std::string_view v) { return ParseOverflow(v, request_); }});
  flags.Add({"heartbeat", "TIME", "a sign of life when nothing else was sent for so long",
             [this](std::string_view v) {
               return ParseHeartbeat(v, *request_.mutable_heartbeat_interval());
             }});
  request_.set_client_id("eyectl");
  flags.AddText("client_id", "NAME", "what the server calls us in its status (default eyectl)",
                request_.mutable_client_id());
  // Absent and empty mean the same to the server, and no flag means absent.
  AddFilterFlags(flags, clock_, request_.mutable_filter());
}

}  // namespace daemoneye::eyectl
