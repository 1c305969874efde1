#include "tools/eyectl/trigger_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/message_json.h"
#include "tools/eyectl/trigger_file.h"
#include "tools/eyectl/trigger_text.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;
using google::protobuf::util::TimeUtil;

// All pages; a server that never stops is cut off.
constexpr int kMaxPages = 1000;
// What a back-test's answer may take beyond the test itself.
constexpr absl::Duration kAnswerTime = absl::Seconds(10);

// What stands behind the name, and how many operands it takes.
struct Action {
  std::string_view name;
  size_t min, max;
  std::string_view wants;
};
constexpr std::array<Action, 9> kActions = {{{"list", 0, 0, "nothing"},
                                             {"get", 1, 1, "a trigger's id"},
                                             {"stats", 0, 100, "ids of triggers, or none for all"},
                                             {"validate", 1, 1, "a file"},
                                             {"test", 1, 1, "a file"},
                                             {"backtest", 1, 1, "a file"},
                                             {"create", 1, 1, "a file"},
                                             {"delete", 1, 1, "a trigger's id"},
                                             {"mute", 1, 1, "a trigger's id"}}};

// One call: `method` of the stub.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(Session& session, v1::TriggerService::Stub& stub,
                              grpc::Status (v1::TriggerService::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*),
                              const Request& request, absl::Duration timeout = kUnaryTimeout) {
  grpc::ClientContext context;
  SetTimeout(context, timeout);
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(fmt::format("{} is not a gateway: it has no triggers",
                                                EscapeForTerminal(session.connection.address())));
  }
  RETURN_IF_ERROR(session.connection.ToStatus(status));
  return response;
}

}  // namespace

void TriggerCommand::AddFlags(FlagSet& flags) {
  flags.AddBool("json", "the whole answer as JSON", &json_);
  flags.AddText("id", "ID", "of a file's triggers, this one", &id_);
  flags.AddText("etag", "ETAG", "delete: only if it is the current one", &etag_);
  flags.AddDuration("for", "mute: how long from now; 0 ends it", &for_);
  flags.AddDuration("since", "backtest: how far back", &since_);
  flags.AddDuration("timeout", "backtest: how long it may take", &timeout_);
  flags.AddUnsigned("max_matches", "backtest: matches to show", &max_matches_);
}

absl::Status TriggerCommand::SetArguments(std::span<const std::string> arguments) {
  std::vector<std::string> names;
  for (const Action& action : kActions) names.emplace_back(action.name);
  if (arguments.empty()) {
    return absl::InvalidArgumentError("trigger wants an action; eyectl trigger --help names them");
  }
  const auto action = std::ranges::find(kActions, arguments[0], &Action::name);
  if (action == kActions.end()) {
    const auto nearest = NearestName(arguments[0], names);
    return absl::InvalidArgumentError(
        fmt::format("trigger has no action '{}'{}", EscapeForTerminal(arguments[0]),
                    nearest ? "; did you mean " + *nearest + "?" : ""));
  }
  const size_t count = arguments.size() - 1;
  if (count < action->min || count > action->max) {
    return absl::InvalidArgumentError(
        fmt::format("trigger {} wants {}", action->name, action->wants));
  }
  action_ = arguments[0];
  operands_.assign(arguments.begin() + 1, arguments.end());
  return absl::OkStatus();
}

absl::StatusOr<int> TriggerCommand::Run(Session& session) {
  const auto stub = v1::TriggerService::NewStub(session.connection.channel());
  if (action_ == "list") return List(session, *stub);
  if (action_ == "get") return Get(session, *stub);
  if (action_ == "stats") return Statistics(session, *stub);
  if (action_ == "validate" || action_ == "test") return Validate(session, *stub);
  if (action_ == "backtest") return BackTest(session, *stub);
  if (action_ == "create") return Create(session, *stub);
  if (action_ == "delete") return Delete(session, *stub);
  return Mute(session, *stub);
}

absl::StatusOr<std::vector<v1::Trigger>> TriggerCommand::FromFile() const {
  ASSIGN_OR_RETURN(std::vector<v1::Trigger> triggers, ReadTriggers(operands_[0]));
  if (!id_.empty()) std::erase_if(triggers, [&](const auto& t) { return t.id() != id_; });
  if (triggers.empty()) {
    return absl::NotFoundError(
        fmt::format("{} holds no trigger{}", EscapeForTerminal(operands_[0]),
                    id_.empty() ? "" : fmt::format(" '{}'", EscapeForTerminal(id_))));
  }
  return triggers;
}

absl::StatusOr<int> TriggerCommand::List(Session& session, Stub& stub) {
  v1::ListTriggersResponse all;
  v1::ListTriggersRequest request;
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(v1::ListTriggersResponse response,
                     Call(session, stub, &Stub::ListTriggers, request));
    all.mutable_triggers()->MergeFrom(response.triggers());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  RETURN_IF_ERROR(session.out.Write(
      json_ ? MessageJson(all, true) + "\n"
            : TriggersText({all.triggers().begin(), all.triggers().end()}, clock_.Now())));
  return 0;
}

absl::StatusOr<int> TriggerCommand::Get(Session& session, Stub& stub) {
  v1::GetTriggerRequest request;
  request.set_id(operands_[0]);
  ASSIGN_OR_RETURN(const v1::GetTriggerResponse response,
                   Call(session, stub, &Stub::GetTrigger, request));
  RETURN_IF_ERROR(session.out.Write(MessageJson(response.trigger(), true) + "\n"));
  return 0;
}

absl::StatusOr<int> TriggerCommand::Statistics(Session& session, Stub& stub) {
  v1::GetTriggerStatisticsRequest request;
  for (const std::string& id : operands_) request.add_trigger_ids(id);
  ASSIGN_OR_RETURN(const v1::GetTriggerStatisticsResponse response,
                   Call(session, stub, &Stub::GetTriggerStatistics, request));
  RETURN_IF_ERROR(
      session.out.Write(json_ ? MessageJson(response, true) + "\n" : StatisticsText(response)));
  return 0;
}

absl::StatusOr<int> TriggerCommand::Validate(Session& session, Stub& stub) {
  ASSIGN_OR_RETURN(const std::vector<v1::Trigger> triggers, FromFile());
  bool is_good = true;
  for (const v1::Trigger& trigger : triggers) {
    v1::ValidateTriggerRequest request;
    *request.mutable_trigger() = trigger;
    if (action_ == "validate") request.mutable_trigger()->clear_tests();
    ASSIGN_OR_RETURN(const v1::ValidateTriggerResponse response,
                     Call(session, stub, &Stub::ValidateTrigger, request));
    is_good = is_good && response.valid();
    RETURN_IF_ERROR(
        session.out.Write(json_ ? MessageJson(response, false) + "\n"
                                : ValidationText(request.trigger(), response, session.style)));
  }
  return is_good ? 0 : 1;
}

absl::StatusOr<int> TriggerCommand::BackTest(Session& session, Stub& stub) {
  ASSIGN_OR_RETURN(const std::vector<v1::Trigger> triggers, FromFile());
  for (const v1::Trigger& trigger : triggers) {
    v1::BackTestTriggerRequest request;
    *request.mutable_trigger() = trigger;
    *request.mutable_since() =
        TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(clock_.Now() - since_));
    request.mutable_timeout()->set_seconds(absl::ToInt64Seconds(timeout_));
    request.set_max_matches(static_cast<int32_t>(std::min<uint64_t>(max_matches_, 1000)));
    ASSIGN_OR_RETURN(const v1::BackTestTriggerResponse response,
                     Call(session, stub, &Stub::BackTestTrigger, request, timeout_ + kAnswerTime));
    if (triggers.size() > 1 && !json_) {
      RETURN_IF_ERROR(session.out.Write(fmt::format("{}:\n", EscapeForTerminal(trigger.id()))));
    }
    RETURN_IF_ERROR(session.out.Write(json_ ? MessageJson(response, false) + "\n"
                                            : BackTestText(response, session.style)));
  }
  return 0;
}

absl::StatusOr<int> TriggerCommand::Create(Session& session, Stub& stub) {
  ASSIGN_OR_RETURN(const std::vector<v1::Trigger> triggers, FromFile());
  for (const v1::Trigger& trigger : triggers) {
    v1::CreateTriggerRequest request;
    *request.mutable_trigger() = trigger;
    ASSIGN_OR_RETURN(const v1::CreateTriggerResponse response,
                     Call(session, stub, &Stub::CreateTrigger, request));
    RETURN_IF_ERROR(session.out.Write(
        json_ ? MessageJson(response.trigger(), false) + "\n"
              : fmt::format("created {}\n", EscapeForTerminal(response.trigger().id()))));
  }
  return 0;
}

absl::StatusOr<int> TriggerCommand::Delete(Session& session, Stub& stub) {
  v1::DeleteTriggerRequest request;
  request.set_id(operands_[0]);
  request.set_etag(etag_);
  RETURN_IF_ERROR(Call(session, stub, &Stub::DeleteTrigger, request).status());
  RETURN_IF_ERROR(session.out.Write(fmt::format("deleted {}\n", EscapeForTerminal(operands_[0]))));
  return 0;
}

absl::StatusOr<int> TriggerCommand::Mute(Session& session, Stub& stub) {
  v1::UpdateTriggerRequest request;
  request.mutable_trigger()->set_id(operands_[0]);
  request.mutable_update_mask()->add_paths("muted_until");
  if (for_ > absl::ZeroDuration()) {
    *request.mutable_trigger()->mutable_muted_until() =
        TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(clock_.Now() + for_));
  }
  ASSIGN_OR_RETURN(const v1::UpdateTriggerResponse response,
                   Call(session, stub, &Stub::UpdateTrigger, request));
  const v1::Trigger& trigger = response.trigger();
  RETURN_IF_ERROR(session.out.Write(
      json_ ? MessageJson(trigger, true) + "\n"
            : fmt::format("{} is {}\n", EscapeForTerminal(trigger.id()),
                          trigger.has_muted_until()
                              ? "muted until " + TimeUtil::ToString(trigger.muted_until())
                              : "not muted")));
  return 0;
}

}  // namespace daemoneye::eyectl
