#include "tools/eyectl/alerts_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "absl/time/time.h"
#include "daemoneye/v1/alert_service.grpc.pb.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/alert_print.h"
#include "tools/eyectl/message_json.h"

namespace daemoneye::eyectl {
namespace {

constexpr uint64_t kMaxAlerts = 1'000'000;
constexpr int kPageSize = 500;

absl::Status ParseSeverity(std::string_view text, v1::Severity* severity) {
  std::string name = "SEVERITY_";
  for (const char c : text) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (v1::Severity_Parse(name, severity) && *severity != v1::SEVERITY_UNSPECIFIED) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("want info, low, medium, high or critical");
}

absl::Status NotServed(const Session& session, const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(
        fmt::format("{} is not a gateway: it has no alerts",
                    base::EscapeForTerminal(session.connection.address())));
  }
  return session.connection.ToStatus(status);
}

}  // namespace

void AlertsCommand::AddFlags(FlagSet& flags) {
  flags.Add({.name = "severity",
             .value_name = "LEVEL",
             .doc = "at least this bad: info, low, medium, high, critical",
             .set = [this](std::string_view text) {
               v1::Severity severity;
               RETURN_IF_ERROR(ParseSeverity(text, &severity));
               filter_.set_minimum_severity(severity);
               return absl::OkStatus();
             }});
  flags.Add({.name = "trigger",
             .value_name = "ID",
             .doc = "of this trigger; may be given again",
             .set =
                 [this](std::string_view text) {
                   filter_.add_trigger_ids(std::string(text));
                   return absl::OkStatus();
                 },
             .repeatable = true});
  flags.Add({.name = "host",
             .value_name = "NAME",
             .doc = "of this host; may be given again",
             .set =
                 [this](std::string_view text) {
                   filter_.add_hosts(std::string(text));
                   return absl::OkStatus();
                 },
             .repeatable = true});
  flags.Add({.name = "open",
             .value_name = "",
             .doc = "not acknowledged yet",
             .set = [this](std::string_view text) {
               ASSIGN_OR_RETURN(const bool is_open, ParseBool(text));
               if (is_open) filter_.set_state(v1::ALERT_STATE_OPEN);
               return absl::OkStatus();
             }});
  flags.AddDuration("since", "raised within the last 10m, 24h, ...", &since_);
  flags.AddUnsigned("limit", "show at most so many, the newest (20)", &limit_);
  flags.AddBool("follow", "show alerts as they are raised", &follow_);
  flags.Add({.name = "after",
             .value_name = "NUMBER",
             .doc = "with --follow: begin behind this alert; 0: with the first that is kept",
             .set = [this](std::string_view text) {
               ASSIGN_OR_RETURN(after_, ParseUnsigned(text));
               return absl::OkStatus();
             }});
  flags.AddDuration("for", "with --follow: end after so long", &for_);
  flags.AddText("comment", "TEXT", "with ack: why", &comment_);
  flags.AddText("by", "NAME", "with ack: who; a certificate's name goes before", &by_);
  flags.AddText("sink", "NAME", "with dead and replay: of this sink", &sink_);
  flags.AddBool("json", "a line of JSON an alert", &json_);
}

absl::Status AlertsCommand::SetArguments(std::span<const std::string> arguments) {
  if (!follow_ && (after_.has_value() || for_ > absl::ZeroDuration())) {
    return absl::InvalidArgumentError("--after and --for go with --follow");
  }
  if (since_ > absl::ZeroDuration()) {
    const absl::Time since = clock_.Now() - since_;
    filter_.mutable_since()->set_seconds(absl::ToUnixSeconds(since));
  }
  RETURN_IF_ERROR(SetVerb(arguments));
  if (verb_ != Verb::kAcknowledge && !(comment_.empty() && by_.empty())) {
    return absl::InvalidArgumentError("--comment and --by go with: alerts ack ID");
  }
  const bool is_of_dead = verb_ == Verb::kDead || verb_ == Verb::kReplay;
  if (!is_of_dead && !sink_.empty()) {
    return absl::InvalidArgumentError("--sink goes with: alerts dead, and alerts replay");
  }
  if (verb_ == Verb::kReplay && id_.empty() && sink_.empty()) {
    return absl::InvalidArgumentError("replay wants an id, --sink=NAME, or both");
  }
  if (verb_ != Verb::kList && (follow_ || filter_.ByteSizeLong() > 0)) {
    return absl::InvalidArgumentError(
        fmt::format("{} takes neither --follow nor a filter of alerts", arguments[0]));
  }
  return absl::OkStatus();
}

absl::Status AlertsCommand::SetVerb(std::span<const std::string> arguments) {
  if (arguments.empty()) return absl::OkStatus();
  const std::string& verb = arguments[0];
  if (verb == "ack" && arguments.size() == 2) {
    verb_ = Verb::kAcknowledge;
  } else if (verb == "dead" && arguments.size() <= 2) {
    verb_ = Verb::kDead;
  } else if (verb == "replay" && arguments.size() <= 2) {
    verb_ = Verb::kReplay;
  } else {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is not understood: want nothing, ack and one id, or dead or replay and at "
        "most one",
        base::EscapeForTerminal(verb)));
  }
  if (arguments.size() == 2) id_ = arguments[1];
  return absl::OkStatus();
}

absl::StatusOr<int> AlertsCommand::Run(Session& session) {
  switch (verb_) {
    case Verb::kAcknowledge:
      return Acknowledge(session);
    case Verb::kDead:
      return ListDead(session);
    case Verb::kReplay:
      return Replay(session);
    case Verb::kList:
      break;
  }
  return follow_ ? Follow(session) : List(session);
}

absl::StatusOr<int> AlertsCommand::List(Session& session) {
  const auto stub = v1::AlertService::NewStub(session.connection.channel());
  v1::ListAlertsRequest request;
  *request.mutable_filter() = filter_;
  v1::ListAlertsResponse all;
  const uint64_t limit = std::min(limit_, kMaxAlerts);
  while (static_cast<uint64_t>(all.alerts_size()) < limit) {
    grpc::ClientContext context;
    SetTimeout(context, kUnaryTimeout);
    const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
    request.set_page_size(static_cast<int>(
        std::min<uint64_t>(kPageSize, limit - static_cast<uint64_t>(all.alerts_size()))));
    v1::ListAlertsResponse page;
    const grpc::Status status = stub->ListAlerts(&context, request, &page);
    if (!status.ok()) return NotServed(session, status);
    all.mutable_alerts()->MergeFrom(page.alerts());
    if (page.next_page_token().empty() || page.alerts().empty()) break;
    request.set_page_token(page.next_page_token());
  }
  if (!json_) {
    RETURN_IF_ERROR(session.out.Write(AlertsTable(all.alerts())));
    return 0;
  }
  for (const v1::Alert& alert : all.alerts()) {
    RETURN_IF_ERROR(session.out.Write(MessageJson(alert, false) + "\n"));
  }
  return 0;
}

absl::Status AlertsCommand::Print(Session& session, const v1::StreamAlertsResponse& message) {
  switch (message.message_case()) {
    case v1::StreamAlertsResponse::kAlert:
      after_ = message.alert().sequence();
      return session.out.Write(json_ ? MessageJson(message.alert(), false) + "\n"
                                     : AlertBlock(message.alert(), session.style));
    case v1::StreamAlertsResponse::kMissedUpTo:
      return session.err.Write(
          fmt::format("eyectl: alerts up to {} are no longer kept\n", message.missed_up_to()));
    case v1::StreamAlertsResponse::kHeartbeat:
      if (!after_.has_value()) after_ = message.heartbeat();
      return absl::OkStatus();
    case v1::StreamAlertsResponse::MESSAGE_NOT_SET:
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<int> AlertsCommand::Follow(Session& session) {
  const auto stub = v1::AlertService::NewStub(session.connection.channel());
  grpc::ClientContext context;
  if (for_ > absl::ZeroDuration()) SetTimeout(context, for_);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  v1::StreamAlertsRequest request;
  *request.mutable_filter() = filter_;
  if (after_.has_value()) request.set_after_sequence(*after_);
  const auto reader = stub->StreamAlerts(&context, request);
  absl::Status written;
  bool is_begun = false;
  v1::StreamAlertsResponse message;
  while (reader->Read(&message)) {
    is_begun = true;
    if (written.ok()) written = Print(session, message);
    if (!written.ok()) context.TryCancel();  // what is on its way is read and thrown away
  }
  const grpc::Status ended = reader->Finish();
  RETURN_IF_ERROR(written);
  const bool time_is_over = for_ > absl::ZeroDuration() && is_begun &&
                            ended.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  if (ended.ok() || session.interrupt.requested() || time_is_over) return 0;
  if (is_begun && after_.has_value()) {
    RETURN_IF_ERROR(session.err.Write(
        fmt::format("eyectl: the stream broke; --follow --after={} goes on from here\n", *after_)));
  }
  return NotServed(session, ended);
}

absl::StatusOr<int> AlertsCommand::Acknowledge(Session& session) {
  const auto stub = v1::AlertService::NewStub(session.connection.channel());
  grpc::ClientContext context;
  SetTimeout(context, kUnaryTimeout);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  v1::AcknowledgeAlertRequest request;
  request.set_id(id_);
  request.set_comment(comment_);
  request.set_acknowledged_by(by_);
  v1::AcknowledgeAlertResponse response;
  const grpc::Status status = stub->AcknowledgeAlert(&context, request, &response);
  if (!status.ok()) return NotServed(session, status);
  RETURN_IF_ERROR(session.out.Write(json_ ? MessageJson(response.alert(), false) + "\n"
                                          : AlertBlock(response.alert(), session.style)));
  return 0;
}

absl::StatusOr<int> AlertsCommand::ListDead(Session& session) {
  const auto stub = v1::AlertService::NewStub(session.connection.channel());
  v1::ListDeadLettersRequest request;
  request.set_sink(sink_);
  request.set_alert_id(id_);
  v1::ListDeadLettersResponse all;
  const uint64_t limit = std::min(limit_, kMaxAlerts);
  bool has_more = true;
  while (has_more && static_cast<uint64_t>(all.dead_letters_size()) < limit) {
    grpc::ClientContext context;
    SetTimeout(context, kUnaryTimeout);
    const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
    request.set_page_size(static_cast<int>(
        std::min<uint64_t>(kPageSize, limit - static_cast<uint64_t>(all.dead_letters_size()))));
    v1::ListDeadLettersResponse page;
    const grpc::Status status = stub->ListDeadLetters(&context, request, &page);
    if (!status.ok()) return NotServed(session, status);
    all.mutable_dead_letters()->MergeFrom(page.dead_letters());
    request.set_page_token(page.next_page_token());
    has_more = !page.next_page_token().empty() && !page.dead_letters().empty();
  }
  if (!json_) {
    RETURN_IF_ERROR(session.out.Write(DeadLettersTable(all.dead_letters())));
  }
  for (const v1::DeadLetter& letter : all.dead_letters()) {
    if (json_) RETURN_IF_ERROR(session.out.Write(MessageJson(letter, false) + "\n"));
  }
  if (has_more) {
    RETURN_IF_ERROR(session.err.Write("eyectl: there are more; --limit shows them\n"));
  }
  return 0;
}

absl::StatusOr<int> AlertsCommand::Replay(Session& session) {
  const auto stub = v1::AlertService::NewStub(session.connection.channel());
  grpc::ClientContext context;
  SetTimeout(context, kUnaryTimeout);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  v1::ReplayDeadLettersRequest request;
  request.set_sink(sink_);
  request.set_alert_id(id_);
  v1::ReplayDeadLettersResponse response;
  const grpc::Status status = stub->ReplayDeadLetters(&context, request, &response);
  if (!status.ok()) return NotServed(session, status);
  RETURN_IF_ERROR(
      session.out.Write(json_ ? MessageJson(response, false) + "\n"
                              : fmt::format("{} dead letter{} pending again\n", response.replayed(),
                                            response.replayed() == 1 ? " is" : "s are")));
  return 0;
}

}  // namespace daemoneye::eyectl
