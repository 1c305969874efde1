// Outbox: the sinks of a gateway, a SinkWorker each, over what the store has for them.
//
// Lifecycle:  SetSinks at the start and at each reload; Stop, or the destructor.
// Threads:    SetSinks, Reopen and Stop from one; the rest from any.
// Ownership:  owns the sinks; borrows the store and the clock, which outlive it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/types.pb.h"
#include "libs/alerting/alert_sink.h"
#include "libs/alerting/sink_worker.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/storage/alert_store.h"

namespace daemoneye::alerting {

struct SinkSpec {
  std::string name;
  v1::Severity minimum_severity = v1::SEVERITY_UNSPECIFIED;
  std::unique_ptr<AlertSink> sink;
  // Dead letters are tried again.
  bool replay_dead = false;
};

class Outbox {
 public:
  Outbox(storage::AlertStore& store, base::Clock& clock, SinkWorkerOptions options = {})
      : store_(store), clock_(clock), options_(options) {}
  ~Outbox() { Stop(absl::ZeroDuration()); }

  // Ends the sinks that were and begins with these, where their pending deliveries stand.
  // Deliveries of sinks that are no more are dropped. An error of the store leaves the old ones;
  // at the start a full disk is none, but nothing is dropped or tried again then.
  absl::Status SetSinks(std::vector<SinkSpec> specs);

  // Names of the sinks that want an alert so bad.
  std::vector<std::string> SinksFor(v1::Severity severity) const;

  // Alerts were stored with pending deliveries for these sinks.
  void Notify(const std::vector<std::string>& sinks);

  // Tries dead letters again: those of `sink`, or of every sink where it is empty; that of one
  // alert, or all where `alert_id` is empty. How many. NotFound: no such sink, or no dead letter
  // of that alert.
  absl::StatusOr<uint64_t> Replay(std::string_view sink, std::string_view alert_id);

  void Reopen();

  // Gives the sinks `grace` to empty what they can, and ends them. Idempotent.
  void Stop(absl::Duration grace);

  std::vector<SinkStatus> statuses() const;

 private:
  struct Slot {
    v1::Severity minimum_severity;
    std::shared_ptr<SinkWorker> worker;
  };
  std::vector<Slot> slots() const;

  storage::AlertStore& store_;
  base::Clock& clock_;
  const SinkWorkerOptions options_;
  mutable base::Mutex mu_;
  std::vector<Slot> slots_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::alerting
