#include "libs/monitor/monitor_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "libs/event/filter_conditions.h"
#include "libs/monitor/negotiation.h"
#include "libs/monitor/request_validation.h"
#include "libs/rpc/raw_stream_reactor.h"
#include "libs/rpc/raw_unary.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::monitor {
namespace {

using base::operator+;
using rpc::RawStreamReactor;
using StreamReactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

constexpr uint32_t kMaxEventBytes = 128 << 10;
// As libs/sql's kMaxFilterSqlBytes.
constexpr uint32_t kMaxSqlBytes = 16 << 10;
constexpr size_t kOpenerThreads = 4;

absl::Duration HeartbeatInterval(const v1::StreamEventsRequest& request) {
  if (!request.has_heartbeat_interval()) return absl::Seconds(15);
  return absl::Seconds(request.heartbeat_interval().seconds()) +
         absl::Nanoseconds(request.heartbeat_interval().nanos());
}

absl::Status Busy(const std::string& why) {
  return rpc::WithRetryInfo(absl::ResourceExhaustedError(why), absl::Seconds(1));
}

uint32_t LimitOr(uint32_t wanted, uint32_t limit) {
  return wanted == 0 ? limit : std::min(wanted, limit);
}

}  // namespace

MonitorService::MonitorService(MonitorBackend& backend, MonitorServiceOptions options,
                               base::Clock& clock)
    : backend_(backend),
      options_(std::move(options)),
      clock_(clock),
      loop_(std::make_shared<StreamLoop>(clock)),
      openers_("open", kOpenerThreads, options_.max_subscribers, clock),
      task_workers_("task", options_.max_tasks, options_.max_tasks, clock) {
  backend_.announcements().SetListener([loop = loop_] { loop->WakeAll(); });
}

MonitorService::~MonitorService() {
  backend_.announcements().SetListener(nullptr);
  Drain();
  openers_.Stop();
  task_workers_.Stop();
  loop_->Stop();
}

void MonitorService::Drain() {
  std::vector<std::shared_ptr<StreamCore>> streams;
  std::vector<std::shared_ptr<TaskStream>> tasks;
  {
    base::MutexLock lock(mu_);
    is_draining_ = true;
    for (const auto& [id, stream] : streams_) streams.push_back(stream);
    for (const auto& [id, task] : tasks_) tasks.push_back(task);
  }
  for (const auto& stream : streams) stream->Drain();
  for (const auto& task : tasks) {
    task->Stop(absl::UnavailableError("the server is shutting down"));
  }
}

size_t MonitorService::stream_count() const {
  base::MutexLock lock(mu_);
  return streams_.size();
}

size_t MonitorService::task_count() const {
  base::MutexLock lock(mu_);
  return tasks_.size();
}

grpc::ServerUnaryReactor* MonitorService::NegotiateCapabilities(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return rpc::RawUnary<v1::NegotiateCapabilitiesRequest, v1::NegotiateCapabilitiesResponse>(
      *context, *request, *response,
      [this](const auto& in, auto& out) { return Negotiate(in, out); });
}

grpc::ServerUnaryReactor* MonitorService::GetStatus(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  return rpc::RawUnary<v1::GetStatusRequest, v1::GetStatusResponse>(
      *context, *request, *response, [this](const auto&, v1::GetStatusResponse& out) {
        FillStatus(out);
        return absl::OkStatus();
      });
}

StreamReactor* MonitorService::StreamEvents(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request) {
  v1::StreamEventsRequest parsed;
  absl::Status status = rpc::ParseRequest(*request, parsed);
  if (status.ok()) status = Validate(parsed);
  if (!status.ok()) return RawStreamReactor::Reject(status);
  return StartStream(*context, parsed, {});
}

StreamReactor* MonitorService::StreamEventBatches(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request) {
  v1::StreamEventBatchesRequest parsed;
  absl::Status status = rpc::ParseRequest(*request, parsed);
  if (status.ok()) status = Validate(parsed);
  if (!status.ok()) return RawStreamReactor::Reject(status);
  return StartStream(*context, parsed.stream(),
                     {.is_batched = true,
                      .max_events = LimitOr(parsed.max_batch_events(), options_.max_batch_events),
                      .max_bytes = LimitOr(parsed.max_batch_bytes(), options_.max_batch_bytes)});
}

StreamReactor* MonitorService::StartStream(grpc::CallbackServerContext& context,
                                           const v1::StreamEventsRequest& request,
                                           MessageLimits limits) {
  std::shared_ptr<StreamCore> core;
  {
    base::MutexLock lock(mu_);
    const absl::Status room = CheckRoom(streams_.size(), options_.max_subscribers, "streams");
    if (!room.ok()) return RawStreamReactor::Reject(room);
    const uint64_t id = next_id_++;
    core = StreamCore::Create(
        {.limits = limits,
         .stream_id = backend_.bus().stream_id(),
         .max_events = request.max_events(),
         .heartbeat_interval = HeartbeatInterval(request),
         .write_timeout = options_.write_timeout,
         .open = [this, request](auto on_ready,
                                 auto done) { OpenOnWorker(request, std::move(on_ready), done); },
         .observe_latency = options_.observe_latency,
         .on_done =
             [this, id] {
               {
                 base::MutexLock done_lock(mu_);
                 streams_.erase(id);
               }
               if (options_.on_call_ended) options_.on_call_ended();
             }},
        *loop_, backend_.announcements(), clock_);
    streams_[id] = core;
  }
  return RawStreamReactor::Start(context, core);
}

void MonitorService::OpenOnWorker(const v1::StreamEventsRequest& request,
                                  std::function<void()> on_ready,
                                  const std::function<void(absl::StatusOr<OpenedStream>)>& done) {
  const bool is_accepted = openers_.Submit([this, request, on_ready = std::move(on_ready), done] {
    bool is_draining = false;
    {
      base::MutexLock lock(mu_);
      is_draining = is_draining_;
    }
    if (is_draining) {
      done(absl::UnavailableError("the server is shutting down"));
      return;
    }
    done(OpenStream(backend_, request, on_ready, clock_.MonotonicNow() + options_.refresh_timeout));
  });
  if (!is_accepted) done(Busy("too many streams are being opened"));
}

StreamReactor* MonitorService::ExecuteTask(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request) {
  auto parsed = std::make_shared<v1::ExecuteTaskRequest>();
  absl::Status status = rpc::ParseRequest(*request, *parsed);
  if (status.ok()) status = Validate(*parsed);
  if (!status.ok()) return RawStreamReactor::Reject(status);
  std::shared_ptr<TaskStream> task;
  {
    base::MutexLock lock(mu_);
    const absl::Status room = CheckRoom(tasks_.size(), options_.max_tasks, "tasks");
    if (!room.ok()) return RawStreamReactor::Reject(room);
    const uint64_t id = next_id_++;
    const auto start = [this, id, parsed] {
      std::shared_ptr<TaskStream> started;
      {
        base::MutexLock start_lock(mu_);
        started = tasks_.at(id);
      }
      const bool is_accepted = task_workers_.Submit([this, started, parsed] {
        started->Run([&](std::stop_token stop, const TaskStream::Send& send) {
          return RunTask(*parsed, stop, send);
        });
      });
      // Tasks whose callers went away still hold the workers.
      if (!is_accepted) started->Stop(Busy("too many tasks wait to be run"));
    };
    task = std::make_shared<TaskStream>(clock_, options_.write_timeout, start, [this, id] {
      {
        base::MutexLock done_lock(mu_);
        tasks_.erase(id);
      }
      if (options_.on_call_ended) options_.on_call_ended();
    });
    tasks_[id] = task;
  }
  return RawStreamReactor::Start(*context, task);
}

absl::Status MonitorService::RunTask(const v1::ExecuteTaskRequest& request, std::stop_token stop,
                                     const TaskStream::Send& send) {
  v1::ExecuteTaskResponse response;
  response.set_task_id(request.task_id());
  uint64_t records = 0;
  v1::TaskSummary summary;
  const absl::Status status = backend_.RunTask(
      request, stop,
      [&](v1::CollectionEvent record) {
        *response.mutable_record() = std::move(record);
        if (!send(response.SerializeAsString())) return false;
        ++records;
        return true;
      },
      summary);
  if (!status.ok()) return status;
  summary.set_records(records);
  *response.mutable_summary() = std::move(summary);
  send(response.SerializeAsString());
  return absl::OkStatus();
}

absl::Status MonitorService::Negotiate(const v1::NegotiateCapabilitiesRequest& request,
                                       v1::NegotiateCapabilitiesResponse& response) const {
  if (const absl::Status status = Validate(request); !status.ok()) return status;
  const v1::Publisher& publisher = backend_.publisher();
  const event_bus::BusStatistics log = backend_.bus().statistics();
  response.set_monitor(publisher.monitor());
  response.set_host(publisher.host());
  response.set_version(publisher.version());
  response.set_stream_id(log.stream_id);
  response.set_oldest_sequence(log.oldest_sequence);
  response.set_next_sequence(log.next_sequence);
  for (const v1::Feature feature :
       {v1::FEATURE_RESUME, v1::FEATURE_BATCHES, v1::FEATURE_SNAPSHOT, v1::FEATURE_TASKS}) {
    response.add_features(feature);
  }
  backend_.Describe(response);
  GrantCapabilities(request, response);
  FillLimits(*response.mutable_limits());
  response.mutable_limits()->set_ring_bytes(log.ring_capacity_bytes);
  return absl::OkStatus();
}

void MonitorService::FillLimits(v1::Limits& limits) const {
  limits.set_max_batch_events(options_.max_batch_events);
  limits.set_max_batch_bytes(options_.max_batch_bytes);
  limits.set_max_event_bytes(kMaxEventBytes);
  limits.set_max_request_bytes(options_.max_request_bytes);
  limits.set_max_subscribers(static_cast<uint32_t>(options_.max_subscribers));
  limits.set_max_filter_values(event::kMaxFilterValues);
  limits.set_max_sql_bytes(kMaxSqlBytes);
  limits.mutable_min_heartbeat_interval()->set_seconds(kMinHeartbeatSeconds);
  limits.mutable_max_heartbeat_interval()->set_seconds(kMaxHeartbeatSeconds);
  limits.set_max_tasks(static_cast<uint32_t>(options_.max_tasks));
}

void MonitorService::FillStatus(v1::GetStatusResponse& response) const {
  const v1::Publisher& publisher = backend_.publisher();
  response.set_monitor(publisher.monitor());
  response.set_host(publisher.host());
  response.set_version(publisher.version());
  response.set_stream_id(backend_.bus().stream_id());
  backend_.FillStatus(response);
  for (const event_bus::SubscriberStatistics& reader : backend_.bus().statistics().subscribers) {
    v1::SubscriberAccount& account = *response.mutable_accounting()->add_subscribers();
    account.set_client_id(reader.client_id);
    account.set_delivered(reader.delivered);
    account.set_queued(reader.queued);
    account.set_dropped(reader.dropped);
    account.set_filtered(reader.filtered);
    account.set_first_sequence(reader.first_sequence);
  }
}

absl::Status MonitorService::CheckRoom(size_t count, size_t max, std::string_view what) const {
  if (is_draining_) return absl::UnavailableError("the server is shutting down");
  if (count < max) return absl::OkStatus();
  return Busy(fmt::format("no more than {} {} at once", max, what));
}

}  // namespace daemoneye::monitor
