#include "services/collector_gateway/monitor_link.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;

constexpr int kMaxGatewaysBelow = 256;

// Everything there is: SAMPLE must be named, and the monitor's own processes asked for.
v1::EventFilter EverythingFilter() {
  v1::EventFilter filter;
  filter.add_topics("events.#");
  filter.add_topics("events.process.sample");
  filter.set_own(true);
  return filter;
}

const char* StateReason(v1::MonitorState state) {
  return state == v1::MONITOR_STATE_LOOP ? "it leads back to this gateway"
                                         : "another link already serves this monitor";
}

}  // namespace

std::string MonitorLink::Status::name() const {
  if (monitor.monitor().empty()) return address;
  return fmt::format("{}@{}", monitor.monitor(), monitor.host());
}

MonitorLink::MonitorLink(int id, std::string address, std::string target,
                         LinkDependencies dependencies, LinkTiming timing)
    : id_(id),
      address_(std::move(address)),
      target_(std::move(target)),
      deps_(std::move(dependencies)),
      timing_(timing),
      intake_(
          deps_.bus, deps_.pool, deps_.clock, {},
          [this](const v1::Origin& o) { return CheckOrigin(o); },
          [this](const v1::StreamControl& c) { return OnControl(c); }) {
  status_.address = address_;
  status_.state_since = deps_.clock.Now();
}

MonitorLink::~MonitorLink() { Stop(); }

void MonitorLink::Start() {
  thread_ = base::Thread(fmt::format("link-{}", id_), [this](std::stop_token s) { Run(s); });
}

void MonitorLink::Stop() { thread_.StopAndJoin(); }

MonitorLink::Status MonitorLink::status() const {
  MutexLock lock(mu_);
  return status_;
}

std::shared_ptr<grpc::Channel> MonitorLink::channel() const {
  MutexLock lock(mu_);
  return channel_;
}

bool MonitorLink::VouchesFor(const v1::Origin& origin) const {
  const auto publisher = deps_.registry.Find(id_, origin.stream_id());
  return publisher != nullptr && publisher->monitor() == origin.monitor() &&
         publisher->host() == origin.host();
}

void MonitorLink::Run(std::stop_token stop) {
  stop_ = stop;
  absl::BitGen random;
  absl::Duration backoff = timing_.min_backoff;
  while (!stop.stop_requested()) {
    has_streamed_ = false;
    const absl::Status ended = RunOnce(stop);
    {
      MutexLock lock(mu_);
      channel_.reset();
    }
    last_origin_.reset();
    deps_.registry.Release(id_);
    if (stop.stop_requested()) break;
    // DUPLICATE and LOOP are states of their own, set with the finding.
    const v1::MonitorState state = status().state;
    if (state != v1::MONITOR_STATE_DUPLICATE && state != v1::MONITOR_STATE_LOOP) {
      SetState(v1::MONITOR_STATE_RETRYING, ended);
    }
    if (has_streamed_) backoff = timing_.min_backoff;
    const double jitter = absl::Uniform(random, 0.5, 1.0);
    if (!deps_.clock.SleepFor(backoff * jitter, stop)) break;
    backoff = std::min(backoff * 2, timing_.max_backoff);
    MutexLock lock(mu_);
    ++status_.reconnects;
  }
}

absl::Status MonitorLink::RunOnce(std::stop_token stop) {
  MonitorClient client(target_, deps_.credentials);
  client_ = &client;
  if (const v1::MonitorState s = status().state;
      s != v1::MONITOR_STATE_DUPLICATE && s != v1::MONITOR_STATE_LOOP) {
    SetState(v1::MONITOR_STATE_CONNECTING);
  }
  RETURN_IF_ERROR(Negotiate());
  RETURN_IF_ERROR(ClaimOrigins());
  SetState(v1::MONITOR_STATE_NEGOTIATED);
  {
    MutexLock lock(mu_);
    channel_ = client.channel();
  }
  const bool is_new_log = known_stream_id_ != monitor_.stream_id();
  if (is_new_log) {
    intake_.Begin(status().name(), monitor_.stream_id(), FirstPosition());
  }
  if ((is_new_log || IsGateway()) && HasFeature(v1::FEATURE_SNAPSHOT)) {
    RETURN_IF_ERROR(TakeSnapshot(client, stop));
  }
  if (is_new_log) {
    if (!known_stream_id_.empty()) deps_.bus.DropState(known_stream_id_);
    known_stream_id_ = monitor_.stream_id();
  }
  return Follow(client, stop);
}

// From where the store says, so that what the monitor lost meanwhile shows as a gap; else from the
// oldest on: all that the monitor still holds is new to this gateway.
uint64_t MonitorLink::FirstPosition() const {
  const uint64_t oldest = std::max<uint64_t>(monitor_.oldest_sequence(), 1);
  if (!deps_.stored_position || !HasFeature(v1::FEATURE_RESUME)) return oldest - 1;
  const std::optional<uint64_t> stored = deps_.stored_position(monitor_.stream_id());
  if (!stored.has_value() || *stored >= monitor_.next_sequence()) return oldest - 1;
  return *stored;
}

v1::NegotiateCapabilitiesRequest MonitorLink::NegotiationRequest() const {
  v1::NegotiateCapabilitiesRequest request;
  request.set_client_id("collector-gateway");
  request.set_version(deps_.version);
  return request;
}

absl::StatusOr<v1::NegotiateCapabilitiesResponse> MonitorLink::Ask() {
  ASSIGN_OR_RETURN(v1::NegotiateCapabilitiesResponse answer,
                   client_->Negotiate(NegotiationRequest(), timing_.negotiate_timeout, stop_));
  if (answer.ByteSizeLong() > timing_.max_negotiation_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("the monitor's negotiation has {} bytes, the bound is {}",
                    answer.ByteSizeLong(), timing_.max_negotiation_bytes));
  }
  return answer;
}

absl::Status MonitorLink::Negotiate() {
  ASSIGN_OR_RETURN(monitor_, Ask());
  if (monitor_.stream_id().empty() || monitor_.stream_id().size() > 64) {
    return absl::InvalidArgumentError("the monitor's negotiation has no usable stream_id");
  }
  if (monitor_.monitor().size() > 256 || monitor_.host().size() > 256) {
    return absl::InvalidArgumentError("the monitor's name or host is longer than 256 bytes");
  }
  const auto& via = monitor_.via();
  if (via.size() > kMaxGatewaysBelow ||
      std::any_of(via.begin(), via.end(), [](const std::string& id) { return id.size() > 64; })) {
    return absl::InvalidArgumentError(fmt::format(
        "the monitor's negotiation has no usable via: at most {} stream ids", kMaxGatewaysBelow));
  }
  is_batched_ = HasFeature(v1::FEATURE_BATCHES);
  MutexLock lock(mu_);
  status_.monitor = monitor_;
  return absl::OkStatus();
}

absl::Status MonitorLink::ClaimOrigins() {
  const auto refuse = [this](v1::MonitorState state) {
    const absl::Status reason = absl::FailedPreconditionError(StateReason(state));
    SetState(state, reason);
    return reason;
  };
  const std::string& own = deps_.bus.stream_id();
  const auto& via = monitor_.via();
  if (monitor_.stream_id() == own || std::find(via.begin(), via.end(), own) != via.end()) {
    return refuse(v1::MONITOR_STATE_LOOP);
  }
  v1::Publisher self;
  self.set_stream_id(monitor_.stream_id());
  self.set_monitor(monitor_.monitor());
  self.set_host(monitor_.host());
  self.set_version(monitor_.version());
  if (!deps_.registry.Claim(id_, self)) return refuse(v1::MONITOR_STATE_DUPLICATE);
  // What another link already serves is refused event by event, so that no event enters twice.
  for (const v1::Publisher& publisher : monitor_.origins()) {
    deps_.registry.Claim(id_, publisher);
  }
  return absl::OkStatus();
}

absl::Status MonitorLink::TakeSnapshot(MonitorClient& client, std::stop_token stop) {
  std::set<std::string> before = std::exchange(state_origins_, {});
  is_snapshot_due_ = false;
  intake_.BeginSnapshot();
  const absl::Status status = ReadSnapshot(client, stop);
  if (!status.ok()) {
    state_origins_.merge(before);
    return status;
  }
  for (const std::string& stream_id : before) {
    if (state_origins_.contains(stream_id)) continue;
    // What another link serves by now is that link's.
    if (deps_.registry.Holder(stream_id).value_or(id_) == id_) deps_.bus.DropState(stream_id);
  }
  return absl::OkStatus();
}

absl::Status MonitorLink::ReadSnapshot(MonitorClient& client, std::stop_token stop) {
  v1::StreamEventsRequest request;
  *request.mutable_filter() = EverythingFilter();
  request.set_include_snapshot(true);
  request.set_follow(false);
  request.set_client_id("collector-gateway");
  is_snapshot_open_ = true;
  snapshot_completed_ = false;
  const std::unique_ptr<ByteStream> stream = Open(client, request, stop);
  const absl::Time deadline = deps_.clock.Now() + timing_.snapshot_timeout;
  absl::Status status;
  while (status.ok()) {
    const absl::Duration left = deadline - deps_.clock.Now();
    if (left <= absl::ZeroDuration()) {  // however much comes
      status =
          absl::DeadlineExceededError(fmt::format("the monitor's snapshot had no end within {}",
                                                  absl::FormatDuration(timing_.snapshot_timeout)));
      break;
    }
    absl::StatusOr<std::optional<grpc::ByteBuffer>> message =
        stream->Read(std::min(timing_.silence_limit, left));
    if (!message.ok()) {
      status = message.status();
    } else if (!message->has_value()) {
      break;
    } else {
      status = Accept(**message);
    }
  }
  is_snapshot_open_ = false;
  PublishCounts();
  if (status.code() == absl::StatusCode::kUnimplemented) {
    if (!is_batched_) return absl::OkStatus();
    is_batched_ = false;  // promised and not there: the plain stream is
    return ReadSnapshot(client, stop);
  }
  if (status.ok() && !snapshot_completed_) {
    return absl::DataLossError("the monitor's snapshot ended without snapshot_complete");
  }
  return status;
}

absl::Status MonitorLink::Follow(MonitorClient& client, std::stop_token stop) {
  v1::StreamEventsRequest request;
  *request.mutable_filter() = EverythingFilter();
  request.set_include_snapshot(false);
  request.set_client_id("collector-gateway");
  *request.mutable_heartbeat_interval() = google::protobuf::util::TimeUtil::SecondsToDuration(
      absl::ToInt64Seconds(timing_.heartbeat_interval));
  if (HasFeature(v1::FEATURE_RESUME)) {
    request.mutable_resume()->set_stream_id(monitor_.stream_id());
    request.mutable_resume()->set_after_sequence(intake_.position());
  }
  const std::unique_ptr<ByteStream> stream = Open(client, request, stop);
  while (true) {
    absl::StatusOr<std::optional<grpc::ByteBuffer>> message = stream->Read(timing_.silence_limit);
    if (!message.ok()) {
      if (message.status().code() == absl::StatusCode::kUnimplemented && is_batched_) {
        is_batched_ = false;  // promised and not there: the plain stream is
        return Follow(client, stop);
      }
      return message.status();
    }
    if (!message->has_value()) return absl::UnavailableError("the monitor ended the stream");
    const absl::Status accepted = Accept(**message);
    PublishCounts();
    RETURN_IF_ERROR(accepted);
    if (is_snapshot_due_) RETURN_IF_ERROR(TakeSnapshot(client, stop));
  }
}

std::unique_ptr<ByteStream> MonitorLink::Open(MonitorClient& client,
                                              const v1::StreamEventsRequest& request,
                                              std::stop_token stop) {
  if (!is_batched_) return client.StreamEvents(request, stop);
  v1::StreamEventBatchesRequest batches;
  *batches.mutable_stream() = request;
  return client.StreamBatches(batches, stop);
}

absl::Status MonitorLink::Accept(const grpc::ByteBuffer& message) {
  // One slice, the usual case, is read where it lies.
  grpc::Slice slice;
  const grpc::Status single = message.TrySingleSlice(&slice);
  if (!single.ok()) {
    const grpc::Status dumped = message.DumpToSingleSlice(&slice);
    if (!dumped.ok()) return absl::ResourceExhaustedError(dumped.error_message());
  }
  const std::string_view bytes(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return is_batched_ ? intake_.AcceptBatch(bytes) : intake_.AcceptEvent(bytes);
}

absl::Status MonitorLink::OnControl(const v1::StreamControl& control) {
  switch (control.message_case()) {
    case v1::StreamControl::kStreamStarted:
      return OnStreamStarted(control.stream_started());
    case v1::StreamControl::kSnapshotComplete:
      snapshot_completed_ = true;
      return absl::OkStatus();
    case v1::StreamControl::kMissed: {
      const v1::Missed& missed = control.missed();
      intake_.RecordGap(
          std::max(missed.first_sequence(), intake_.position() + 1), missed.last_sequence(),
          missed.has_count() ? std::optional<uint64_t>(missed.count()) : std::nullopt);
      return absl::OkStatus();
    }
    case v1::StreamControl::kPublisher:
      // Only a gateway speaks for others.
      if (IsGateway()) deps_.registry.Claim(id_, control.publisher());
      return absl::OkStatus();
    case v1::StreamControl::kCapabilitiesChanged:
      return OnCapabilitiesChanged(control.capabilities_changed());
    default:  // heartbeats, and what a later version adds
      return absl::OkStatus();
  }
}

absl::Status MonitorLink::OnCapabilitiesChanged(const v1::CapabilitiesChanged& changed) {
  const base::Monotonic now = deps_.clock.MonotonicNow();
  if (now - changes_since_ > std::chrono::minutes(1)) {
    changes_since_ = now;
    capability_changes_ = 0;
  }
  if (++capability_changes_ > timing_.max_capability_changes) {
    return absl::ResourceExhaustedError(fmt::format(
        "the monitor's capabilities changed {} times within a minute", capability_changes_));
  }
  is_snapshot_due_ = IsGateway() && HasFeature(v1::FEATURE_SNAPSHOT);
  {
    MutexLock lock(mu_);
    *status_.monitor.mutable_granted_caps() = changed.caps();
    monitor_ = status_.monitor;
  }
  deps_.on_change(*this);
  return absl::OkStatus();
}

absl::Status MonitorLink::OnStreamStarted(const v1::StreamStarted& started) {
  if (started.stream_id() != monitor_.stream_id()) {
    return absl::UnavailableError("the monitor restarted between negotiation and stream");
  }
  if (started.has_publisher()) {
    // Labels and boot id, which the negotiation does not tell; name and host are those that were
    // vouched for.
    v1::Publisher publisher = started.publisher();
    publisher.set_stream_id(monitor_.stream_id());
    publisher.set_monitor(monitor_.monitor());
    publisher.set_host(monitor_.host());
    deps_.registry.Claim(id_, publisher);
  }
  if (is_snapshot_open_) return absl::OkStatus();
  if (has_streamed_) return absl::DataLossError("a second stream_started in one stream");
  if (!started.resumed()) {
    // It could not go on where asked: what lies between was lost with it.
    if (started.first_sequence() > intake_.position() + 1 && HasFeature(v1::FEATURE_RESUME)) {
      intake_.RecordGap(intake_.position() + 1, started.first_sequence() - 1, std::nullopt);
    } else if (started.first_sequence() > 0) {
      intake_.Begin(status().name(), monitor_.stream_id(), started.first_sequence() - 1);
    }
  }
  RETURN_IF_ERROR(RefreshCapabilities());
  has_streamed_ = true;
  SetState(v1::MONITOR_STATE_STREAMING);
  return absl::OkStatus();
}

absl::Status MonitorLink::RefreshCapabilities() {
  ASSIGN_OR_RETURN(const v1::NegotiateCapabilitiesResponse now, Ask());
  if (now.stream_id() != monitor_.stream_id()) {
    return absl::UnavailableError("the monitor restarted between negotiation and stream");
  }
  *monitor_.mutable_granted_caps() = now.granted_caps();
  *monitor_.mutable_sources() = now.sources();
  *monitor_.mutable_task_types() = now.task_types();
  MutexLock lock(mu_);
  status_.monitor = monitor_;
  return absl::OkStatus();
}

std::optional<Rejection> MonitorLink::CheckOrigin(const v1::Origin& origin) {
  if (last_origin_ == nullptr || last_origin_->stream_id() != origin.stream_id()) {
    last_origin_ = deps_.registry.Find(id_, origin.stream_id());
  }
  if (last_origin_ == nullptr) {
    return deps_.registry.Holder(origin.stream_id()).has_value() && IsGateway()
               ? Rejection::kDuplicateOrigin
               : Rejection::kForgedOrigin;
  }
  if (last_origin_->monitor() != origin.monitor() || last_origin_->host() != origin.host()) {
    return Rejection::kForgedOrigin;
  }
  if (is_snapshot_open_) state_origins_.insert(origin.stream_id());
  return std::nullopt;
}

bool MonitorLink::HasFeature(v1::Feature feature) const {
  const auto& features = monitor_.features();
  return std::find(features.begin(), features.end(), feature) != features.end();
}

void MonitorLink::SetState(v1::MonitorState state, absl::Status reason) {
  {
    MutexLock lock(mu_);
    if (status_.state != state) status_.state_since = deps_.clock.Now();
    status_.state = state;
    if (!reason.ok()) {
      status_.last_error = reason.ToString();
      status_.last_error_time = deps_.clock.Now();
    }
  }
  deps_.on_change(*this);
}

void MonitorLink::PublishCounts() {
  if (deps_.on_position) deps_.on_position(intake_.stream_id(), intake_.position());
  MutexLock lock(mu_);
  status_.counts = intake_.counts();
  status_.position.set_stream_id(intake_.stream_id());
  status_.position.set_sequence(intake_.position());
}

}  // namespace daemoneye::gateway
