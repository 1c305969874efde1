// MonitorLink: keeps one monitor's events flowing into the gateway's log, whatever happens to the
// monitor.
//
// Dials, negotiates, takes the monitor's current state, then its events from where the gateway left
// off; after a failure or silence it begins again with a new channel. A restarted monitor is a new
// log, read from its beginning.
//
// Threads:    owns one, which blocks in the link's calls; everything public from any.
// Ownership:  borrows what Dependencies names, all of which outlive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/gateway_service.pb.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/event/event_pool.h"
#include "libs/event_bus/event_bus.h"
#include "services/collector_gateway/link_intake.h"
#include "services/collector_gateway/monitor_client.h"
#include "services/collector_gateway/origin_registry.h"

namespace daemoneye::gateway {

struct LinkDependencies {
  event_bus::EventBus& bus;
  event::EventPool& pool;
  OriginRegistry& registry;
  base::Clock& clock;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  // Version of this gateway, told in the negotiation.
  std::string version;
  // Called on the link's thread after every change of state or capabilities.
  std::function<void(const class MonitorLink&)> on_change;
  // Where a store says that a log was taken over up to. May be empty.
  std::function<std::optional<uint64_t>(const std::string& stream_id)> stored_position = {};
  // Told after each message how far a log has been taken over. May be empty.
  std::function<void(const std::string& stream_id, uint64_t position)> on_position = {};
};

// How long a link waits, and what it puts up with.
struct LinkTiming {
  absl::Duration negotiate_timeout = absl::Seconds(5);
  absl::Duration heartbeat_interval = absl::Seconds(5);
  // Nothing for this long, not even a heartbeat: the connection is dead.
  absl::Duration silence_limit = absl::Seconds(12);
  absl::Duration min_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(5);
  // A whole snapshot.
  absl::Duration snapshot_timeout = absl::Seconds(60);
  // Of what a negotiation tells: it is kept, and passed on with that of all others.
  size_t max_negotiation_bytes = 1 << 20;
  // Changes of capabilities in a minute; each is told to every client.
  int max_capability_changes = 600;
};

class MonitorLink {
 public:
  // What is known of the link now.
  struct Status {
    std::string address;
    v1::MonitorState state = v1::MONITOR_STATE_CONNECTING;
    absl::Time state_since;
    std::string last_error;
    absl::Time last_error_time;
    uint64_t reconnects = 0;
    // What the monitor last said of itself; empty before the first negotiation.
    v1::NegotiateCapabilitiesResponse monitor;
    v1::LinkPosition position;
    LinkCounts counts;

    // "procmond@host", or the address while nothing better is known.
    std::string name() const;
  };

  // `id` is unique among the gateway's links; `address` is what ListMonitors tells, `target` what
  // gRPC dials.
  MonitorLink(int id, std::string address, std::string target, LinkDependencies dependencies,
              LinkTiming timing = {});
  ~MonitorLink();

  void Start();
  // Ends the stream and joins. Idempotent.
  void Stop();
  // Asks to stop without waiting, so that many links end at once.
  void RequestStop() { thread_.RequestStop(); }

  Status status() const;
  int id() const { return id_; }
  // The channel in use, for tasks; null while there is none.
  std::shared_ptr<grpc::Channel> channel() const;
  // Whether the link vouches for an origin.
  bool VouchesFor(const v1::Origin& origin) const;

 private:
  void Run(std::stop_token stop);
  // One connection, from dialling to its end; the reason it ended.
  absl::Status RunOnce(std::stop_token stop);
  v1::NegotiateCapabilitiesRequest NegotiationRequest() const;
  // One negotiation, within its bound.
  absl::StatusOr<v1::NegotiateCapabilitiesResponse> Ask();
  absl::Status Negotiate();
  // The position behind which a log that is new to this link is read.
  uint64_t FirstPosition() const;
  // Claims the monitor's streams; sets state DUPLICATE or LOOP where it may not be used.
  absl::Status ClaimOrigins();
  // Takes over the state there is behind the link, and drops what is no longer part of it.
  absl::Status TakeSnapshot(MonitorClient& client, std::stop_token stop);
  absl::Status ReadSnapshot(MonitorClient& client, std::stop_token stop);
  absl::Status Follow(MonitorClient& client, std::stop_token stop);
  std::unique_ptr<ByteStream> Open(MonitorClient& client, const v1::StreamEventsRequest& request,
                                   std::stop_token stop);
  absl::Status Accept(const grpc::ByteBuffer& message);
  absl::Status OnControl(const v1::StreamControl& control);
  absl::Status OnStreamStarted(const v1::StreamStarted& started);
  absl::Status OnCapabilitiesChanged(const v1::CapabilitiesChanged& changed);
  // Asks again what the monitor can do: what changed between the negotiation and the stream's start
  // was told to streams that were open then.
  absl::Status RefreshCapabilities();
  std::optional<Rejection> CheckOrigin(const v1::Origin& origin);
  bool HasFeature(v1::Feature feature) const;
  bool IsGateway() const { return !monitor_.via().empty(); }

  void SetState(v1::MonitorState state, absl::Status reason = absl::OkStatus());
  void PublishCounts();

  const int id_;
  const std::string address_;
  const std::string target_;
  const LinkDependencies deps_;
  const LinkTiming timing_;

  // The link's thread alone.
  MonitorClient* client_ = nullptr;  // of the connection there is
  std::stop_token stop_;
  v1::NegotiateCapabilitiesResponse monitor_;
  LinkIntake intake_;
  bool is_batched_ = true;
  bool is_snapshot_open_ = false;
  bool snapshot_completed_ = false;
  // A gateway's monitors came, went or began new logs: that is state there, told by no event.
  bool is_snapshot_due_ = false;
  std::set<std::string> state_origins_;  // the logs that the last snapshot showed
  bool has_streamed_ = false;
  base::Monotonic changes_since_;  // the minute that capability_changes_ counts
  int capability_changes_ = 0;
  std::string known_stream_id_;  // whose state and position the gateway holds
  std::shared_ptr<const v1::Publisher> last_origin_;
  std::string message_;

  mutable base::Mutex mu_;
  Status status_ GUARDED_BY(mu_);
  std::shared_ptr<grpc::Channel> channel_ GUARDED_BY(mu_);

  base::Thread thread_;  // last: stops before the rest goes
};

}  // namespace daemoneye::gateway
