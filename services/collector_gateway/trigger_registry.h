// TriggerRegistry: which triggers there are: the default set, the file's, and those of the API.
//
// Of one id the API's counts before the file's, and the file's before the default one. A change is
// whole or not at all: the engine compiles the next generation, the store keeps it, then everybody
// sees it.
//
// Threads:    any. Changes wait for one another and compile; Get and List never wait for them.
// Ownership:  borrows the engine, the store and the clock, which outlive it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/trigger.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/storage/trigger_store.h"
#include "libs/trigger/trigger_engine.h"
#include "services/collector_gateway/trigger_config.h"

namespace daemoneye::gateway {

class TriggerRegistry {
 public:
  static constexpr size_t kMaxTriggers = 10'000;

  // Without a `store`, triggers of the API and mutes last as long as the process.
  // `check_target` says whether a trigger's analyzer or workflow is there and can do it: triggers
  // of the API are refused where it is not, others told by Problems. Empty: not looked at.
  TriggerRegistry(trigger::TriggerEngine& engine, storage::TriggerStore* store, base::Clock& clock,
                  std::function<absl::Status(const v1::Trigger&)> check_target = {});

  // What was stored, then the file's: once, before anything else. Where the disk is too full to
  // open the store, the file's alone: see LoadStored. A stored trigger, or one of the default set,
  // that is refused now is kept and told as suspended. InvalidArgument names what the file has
  // wrong.
  absl::Status Load(TriggerConfig config);
  // What was stored, where the store could not be read at Load: what was made since then stays.
  absl::Status LoadStored();
  // The file's next generation. An error leaves the old one in force.
  absl::Status Reload(TriggerConfig config);

  // As TriggerService has them. InvalidArgument "trigger.condition.sql: ... at position 5".
  absl::StatusOr<v1::Trigger> Create(v1::Trigger trigger);
  absl::StatusOr<v1::Trigger> Get(std::string_view id) const;
  // By id, those behind `after_id`.
  std::vector<v1::Trigger> List(std::string_view after_id, size_t max) const;
  absl::StatusOr<v1::Trigger> Update(const v1::Trigger& trigger,
                                     const std::vector<std::string>& fields);
  absl::Status Delete(std::string_view id, std::string_view etag);
  v1::ValidateTriggerResponse Validate(const v1::Trigger& trigger) const;

  // "id: reason" of each trigger that does not run though it is enabled.
  std::vector<std::string> Problems() const;
  // The id of a trigger that names the workflow; "": none does.
  std::string NamingWorkflow(std::string_view workflow) const;
  // Ids of all, for metrics.
  std::vector<std::string> ids() const;

 private:
  // All that definitions are made of.
  struct State {
    TriggerConfig file;
    std::map<std::string, v1::Trigger> api;
    std::map<std::string, absl::Time> mutes;     // of the file's
    std::map<std::string, std::string> refused;  // why each does not run
    // Why what was stored is not there; empty: it is.
    std::string unread;

    const v1::Trigger* Find(const std::string& id) const;
    // The trigger as it is evaluated and told.
    v1::Trigger Effective(const v1::Trigger& trigger) const;
    std::map<std::string, v1::Trigger> All() const;
  };

  // Adds what is stored.
  absl::Status ReadStored(State& next) const;
  absl::Status Apply(const State& next) REQUIRES(change_mu_);
  absl::Status ApplyLoaded(State& next) REQUIRES(change_mu_);
  // Applies, stores by `store`, and makes it seen; or none of it.
  absl::Status Commit(State next, const std::function<absl::Status()>& store) REQUIRES(change_mu_);
  std::shared_ptr<const State> Current() const;
  void Publish(State next);
  v1::Trigger Told(const State& state, const v1::Trigger& trigger) const;
  absl::StatusOr<v1::Trigger> Mute(State next, const v1::Trigger& trigger,
                                   const std::vector<std::string>& fields) REQUIRES(change_mu_);
  absl::Status CheckNew(const v1::Trigger& trigger) const;
  // FailedPrecondition "trigger.workflow: ...".
  absl::Status CheckTarget(const v1::Trigger& trigger) const;

  trigger::TriggerEngine& engine_;
  storage::TriggerStore* const store_;
  base::Clock& clock_;
  const std::function<absl::Status(const v1::Trigger&)> check_target_;

  base::Mutex change_mu_;  // held through a change; before mu_
  mutable base::Mutex mu_;
  std::shared_ptr<const State> state_ GUARDED_BY(mu_) = std::make_shared<const State>();
};

// Changes with every change of what a user can set.
std::string EtagOf(const v1::Trigger& trigger);

}  // namespace daemoneye::gateway
