#include "services/collector_gateway/trigger_registry.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/logging/logging.h"
#include "libs/trigger/condition_sql.h"
#include "services/collector_gateway/trigger_fields.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using google::protobuf::util::TimeUtil;

constexpr std::string_view kServersFields[] = {"managed_by", "etag", "effective_sql", "updated_at",
                                               "suspended"};

void ClearServersFields(v1::Trigger& trigger) {
  trigger.clear_managed_by();
  trigger.clear_etag();
  trigger.clear_effective_sql();
  trigger.clear_updated_at();
  trigger.clear_suspended();
}

absl::Status ProblemStatus(std::string_view path, const v1::TriggerProblem& problem) {
  return absl::InvalidArgumentError(
      fmt::format("{}.{}: {}", path, problem.field(), problem.message()));
}

absl::Status NoSuchTrigger(std::string_view id) {
  return absl::NotFoundError(
      fmt::format("there is no trigger {}", base::EscapeForTerminal(base::Utf8Prefix(id, 128))));
}

absl::Status CheckEtag(std::string_view wanted, const v1::Trigger& now) {
  if (wanted.empty() || wanted == EtagOf(now)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("etag: {} was changed meanwhile; its etag is {}", now.id(), EtagOf(now)));
}

// Takes `fields` of `from` over into `to`; an absent one is taken away.
absl::Status TakeOver(v1::Trigger from, const std::vector<std::string>& fields, v1::Trigger& to) {
  const google::protobuf::Descriptor& type = *v1::Trigger::descriptor();
  for (const std::string& name : fields) {
    const google::protobuf::FieldDescriptor* field = type.FindFieldByName(name);
    const bool is_servers = std::ranges::find(kServersFields, name) != std::end(kServersFields);
    if (field == nullptr || is_servers || name == "id") {
      return absl::InvalidArgumentError(
          fmt::format("update_mask: {} is not a whole field of Trigger that may be changed",
                      base::EscapeForTerminal(base::Utf8Prefix(name, 64))));
    }
    v1::Trigger::GetReflection()->SwapFields(&from, &to, {field});
  }
  return absl::OkStatus();
}

}  // namespace

std::string EtagOf(const v1::Trigger& trigger) {
  v1::Trigger defined = trigger;
  defined.clear_etag();
  defined.clear_effective_sql();
  defined.clear_suspended();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    defined.SerializeToCodedStream(&out);
  }
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

const v1::Trigger* TriggerRegistry::State::Find(const std::string& id) const {
  if (const auto found = api.find(id); found != api.end()) return &found->second;
  const auto found = file.triggers.find(id);
  return found == file.triggers.end() ? nullptr : &found->second;
}

v1::Trigger TriggerRegistry::State::Effective(const v1::Trigger& trigger) const {
  v1::Trigger effective = trigger;
  if (trigger.managed_by() != v1::TRIGGER_MANAGER_FILE) return effective;
  if (const auto mute = mutes.find(trigger.id()); mute != mutes.end()) {
    *effective.mutable_muted_until() =
        TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(mute->second));
  }
  return effective;
}

std::map<std::string, v1::Trigger> TriggerRegistry::State::All() const {
  std::map<std::string, v1::Trigger> all;
  for (const auto& [id, trigger] : file.triggers) all.emplace(id, Effective(trigger));
  for (const auto& [id, trigger] : api) all.insert_or_assign(id, trigger);
  return all;
}

TriggerRegistry::TriggerRegistry(trigger::TriggerEngine& engine, storage::TriggerStore* store,
                                 base::Clock& clock,
                                 std::function<absl::Status(const v1::Trigger&)> check_target)
    : engine_(engine), store_(store), clock_(clock), check_target_(std::move(check_target)) {}

std::shared_ptr<const TriggerRegistry::State> TriggerRegistry::Current() const {
  MutexLock lock(mu_);
  return state_;
}

absl::Status TriggerRegistry::Load(TriggerConfig config) {
  MutexLock change(change_mu_);
  State next;
  next.file = std::move(config);
  const absl::Status read = ReadStored(next);
  if (!read.ok() && !absl::IsResourceExhausted(read)) return read;
  if (!read.ok()) next.unread = std::string(read.message());
  RETURN_IF_ERROR(ApplyLoaded(next));
  Publish(std::move(next));
  return absl::OkStatus();
}

absl::Status TriggerRegistry::LoadStored() {
  MutexLock change(change_mu_);
  State next = *Current();
  RETURN_IF_ERROR(ReadStored(next));
  next.unread.clear();
  RETURN_IF_ERROR(ApplyLoaded(next));
  Publish(std::move(next));
  return absl::OkStatus();
}

absl::Status TriggerRegistry::ReadStored(State& next) const {
  if (store_ == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<v1::Trigger> stored, store_->List());
  ASSIGN_OR_RETURN(auto mutes, store_->Mutes());
  for (v1::Trigger& trigger : stored) {
    trigger.set_managed_by(v1::TRIGGER_MANAGER_API);
    next.api.try_emplace(trigger.id(), std::move(trigger));
  }
  next.mutes.merge(mutes);
  return absl::OkStatus();
}

absl::Status TriggerRegistry::Reload(TriggerConfig config) {
  MutexLock change(change_mu_);
  State next = *Current();
  next.file = std::move(config);
  RETURN_IF_ERROR(ApplyLoaded(next));
  Publish(std::move(next));
  return absl::OkStatus();
}

void TriggerRegistry::Publish(State next) {
  auto state = std::make_shared<const State>(std::move(next));
  MutexLock lock(mu_);
  state_.swap(state);
}

// What was stored, or came with the gateway, is no reason not to start, or not to take over a file.
absl::Status TriggerRegistry::ApplyLoaded(State& next) {
  next.refused.clear();
  absl::Status status = Apply(next);
  const size_t may_be_refused = next.api.size() + next.file.untouched.size();
  for (size_t i = 0; !status.ok() && i < may_be_refused; ++i) {
    // Apply told the first that is refused by its id in a payload.
    const auto payload = status.GetPayload("trigger");
    const std::string id = payload.has_value() ? std::string(*payload) : "";
    if (!next.api.contains(id) && !next.file.untouched.contains(id)) return status;
    logging::Warning("a trigger does not run", {{"trigger", id}, {"error", status}});
    next.refused[id] = std::string(status.message());
    status = Apply(next);
  }
  return status;
}

absl::Status TriggerRegistry::Apply(const State& next) {
  trigger::Definitions definitions;
  definitions.lists = next.file.lists;
  for (auto& [id, trigger] : next.All()) {
    if (!next.refused.contains(id)) definitions.triggers.push_back(trigger);
  }
  const std::vector<trigger::Refusal> refusals = engine_.Apply(std::move(definitions));
  if (refusals.empty()) return absl::OkStatus();
  const trigger::Refusal& first = refusals.front();
  v1::TriggerProblem problem;
  if (!first.problems.empty()) problem = first.problems.front();
  const bool is_files =
      !next.api.contains(first.trigger_id) && next.file.paths.contains(first.trigger_id);
  const std::string path =
      is_files ? next.file.PathOf(first.trigger_id, problem.field()) : "trigger." + problem.field();
  absl::Status status = absl::InvalidArgumentError(fmt::format("{}: {}", path, problem.message()));
  status.SetPayload("trigger", absl::Cord(first.trigger_id));
  return status;
}

absl::Status TriggerRegistry::Commit(State next, const std::function<absl::Status()>& store) {
  RETURN_IF_ERROR(Apply(next));
  if (store_ != nullptr) {
    if (const absl::Status stored = store(); !stored.ok()) {
      static_cast<void>(Apply(*Current()));  // was in force, so it is accepted
      return stored;
    }
  }
  Publish(std::move(next));
  return absl::OkStatus();
}

absl::Status TriggerRegistry::CheckNew(const v1::Trigger& trigger) const {
  const std::vector<v1::TriggerProblem> problems = CheckTriggerFields(trigger);
  if (!problems.empty()) return ProblemStatus("trigger", problems.front());
  if (const absl::Status mute = CheckMute(trigger, clock_.Now()); !mute.ok()) {
    return absl::InvalidArgumentError(fmt::format("trigger.{}", std::string(mute.message())));
  }
  return CheckTarget(trigger);
}

absl::Status TriggerRegistry::CheckTarget(const v1::Trigger& trigger) const {
  if (!check_target_ || (trigger.target_collector().empty() && trigger.workflow().empty())) {
    return absl::OkStatus();
  }
  const absl::Status status = check_target_(trigger);
  if (status.ok()) return status;
  return absl::FailedPreconditionError(
      fmt::format("trigger.{}: {}", trigger.workflow().empty() ? "target_collector" : "workflow",
                  std::string(status.message())));
}

absl::StatusOr<v1::Trigger> TriggerRegistry::Create(v1::Trigger trigger) {
  MutexLock change(change_mu_);
  ClearServersFields(trigger);
  RETURN_IF_ERROR(CheckNew(trigger));
  State next = *Current();
  if (next.Find(trigger.id()) != nullptr) {
    return absl::AlreadyExistsError(fmt::format("there is a trigger {} already", trigger.id()));
  }
  if (next.api.size() + next.file.triggers.size() >= kMaxTriggers) {
    return absl::ResourceExhaustedError(fmt::format("there are {} triggers", kMaxTriggers));
  }
  trigger.set_managed_by(v1::TRIGGER_MANAGER_API);
  *trigger.mutable_updated_at() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(clock_.Now()));
  next.api[trigger.id()] = trigger;
  const State told = next;
  RETURN_IF_ERROR(Commit(std::move(next), [&] { return store_->Put(trigger); }));
  return Told(told, trigger);
}

absl::StatusOr<v1::Trigger> TriggerRegistry::Update(const v1::Trigger& trigger,
                                                    const std::vector<std::string>& fields) {
  MutexLock change(change_mu_);
  State next = *Current();
  const v1::Trigger* now = next.Find(trigger.id());
  if (now == nullptr) return NoSuchTrigger(trigger.id());
  RETURN_IF_ERROR(CheckEtag(trigger.etag(), next.Effective(*now)));
  if (now->managed_by() == v1::TRIGGER_MANAGER_FILE) return Mute(std::move(next), trigger, fields);
  v1::Trigger changed = fields.empty() ? trigger : *now;
  RETURN_IF_ERROR(TakeOver(trigger, fields, changed));
  ClearServersFields(changed);
  RETURN_IF_ERROR(CheckNew(changed));
  changed.set_managed_by(v1::TRIGGER_MANAGER_API);
  *changed.mutable_updated_at() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(clock_.Now()));
  next.api[changed.id()] = changed;
  next.refused.erase(changed.id());
  const State told = next;
  RETURN_IF_ERROR(Commit(std::move(next), [&] { return store_->Put(changed); }));
  return Told(told, changed);
}

absl::StatusOr<v1::Trigger> TriggerRegistry::Mute(State next, const v1::Trigger& trigger,
                                                  const std::vector<std::string>& fields) {
  if (fields != std::vector<std::string>{"muted_until"}) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is a trigger of the file: an RPC may change its muted_until alone (update_mask)",
        trigger.id()));
  }
  if (const absl::Status mute = CheckMute(trigger, clock_.Now()); !mute.ok()) {
    return absl::InvalidArgumentError(fmt::format("trigger.{}", std::string(mute.message())));
  }
  absl::Time until = absl::InfinitePast();
  if (trigger.has_muted_until()) {
    until = absl::FromUnixNanos(TimeUtil::TimestampToNanoseconds(trigger.muted_until()));
    next.mutes[trigger.id()] = until;
  } else {
    next.mutes.erase(trigger.id());
  }
  const State told = next;
  RETURN_IF_ERROR(Commit(std::move(next), [&] { return store_->SetMute(trigger.id(), until); }));
  return Told(told, *told.Find(trigger.id()));
}

absl::Status TriggerRegistry::Delete(std::string_view id, std::string_view etag) {
  MutexLock change(change_mu_);
  State next = *Current();
  const v1::Trigger* now = next.Find(std::string(id));
  if (now == nullptr) return NoSuchTrigger(id);
  RETURN_IF_ERROR(CheckEtag(etag, next.Effective(*now)));
  if (now->managed_by() == v1::TRIGGER_MANAGER_FILE) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is a trigger of the file: take it out there, or turn it off in overrides", now->id()));
  }
  next.api.erase(std::string(id));
  next.refused.erase(std::string(id));
  return Commit(std::move(next), [&] { return store_->Delete(id); });
}

v1::Trigger TriggerRegistry::Told(const State& state, const v1::Trigger& trigger) const {
  v1::Trigger told = state.Effective(trigger);
  told.set_etag(EtagOf(told));
  if (const auto sql = trigger::ConditionSql(told.condition()); sql.ok()) {
    told.set_effective_sql(*sql);
  }
  if (const auto refused = state.refused.find(told.id()); refused != state.refused.end()) {
    told.set_suspended(refused->second);
    return told;
  }
  const std::vector<v1::TriggerStatistics> statistics = engine_.Statistics({told.id()});
  if (!statistics.empty()) told.set_suspended(statistics.front().suspended());
  return told;
}

absl::StatusOr<v1::Trigger> TriggerRegistry::Get(std::string_view id) const {
  const std::shared_ptr<const State> state = Current();
  const v1::Trigger* trigger = state->Find(std::string(id));
  if (trigger == nullptr) return NoSuchTrigger(id);
  return Told(*state, *trigger);
}

std::vector<v1::Trigger> TriggerRegistry::List(std::string_view after_id, size_t max) const {
  const std::shared_ptr<const State> state = Current();
  const std::map<std::string, v1::Trigger> all = state->All();
  std::vector<v1::Trigger> page;
  for (auto it = all.upper_bound(std::string(after_id)); it != all.end() && page.size() < max;
       ++it) {
    page.push_back(Told(*state, it->second));
  }
  return page;
}

v1::ValidateTriggerResponse TriggerRegistry::Validate(const v1::Trigger& trigger) const {
  v1::Trigger defined = trigger;
  ClearServersFields(defined);
  const std::vector<v1::TriggerProblem> problems =
      CheckTriggerFields(defined, {.id_may_be_empty = true});
  v1::ValidateTriggerResponse response;
  if (problems.empty()) {
    response = engine_.Validate(defined);
    const absl::Status target = CheckTarget(defined);
    if (!target.ok()) {
      v1::TriggerProblem& problem = *response.add_problems();
      problem.set_field(defined.workflow().empty() ? "target_collector" : "workflow");
      problem.set_message(std::string(target.message()));
    }
    return response;
  }
  for (const v1::TriggerProblem& problem : problems) *response.add_problems() = problem;
  return response;
}

std::vector<std::string> TriggerRegistry::Problems() const {
  std::vector<std::string> problems;
  const std::shared_ptr<const State> state = Current();
  if (!state->unread.empty()) {
    problems.push_back(fmt::format("stored triggers do not run yet: {}", state->unread));
  }
  for (const auto& [id, reason] : state->refused) {
    problems.push_back(fmt::format("trigger {}: {}", id, reason));
  }
  for (const auto& [id, trigger] : state->All()) {
    const bool is_enabled = !trigger.has_enabled() || trigger.enabled();
    const absl::Status target = is_enabled ? CheckTarget(trigger) : absl::OkStatus();
    if (!target.ok()) {
      problems.push_back(fmt::format("trigger {}: its alerts come without what it asks for: {}", id,
                                     std::string(target.message())));
    }
  }
  for (const v1::TriggerStatistics& trigger : engine_.Statistics()) {
    if (trigger.suspended().empty()) continue;
    problems.push_back(fmt::format("trigger {}: {}", trigger.trigger_id(), trigger.suspended()));
  }
  return problems;
}

std::string TriggerRegistry::NamingWorkflow(std::string_view workflow) const {
  for (const auto& [id, trigger] : Current()->All()) {
    if (trigger.workflow() == workflow) return id;
  }
  return "";
}

std::vector<std::string> TriggerRegistry::ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, trigger] : Current()->All()) ids.push_back(id);
  return ids;
}

}  // namespace daemoneye::gateway
