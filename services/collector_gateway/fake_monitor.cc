#include "services/collector_gateway/fake_monitor.h"

#include <unistd.h>

#include <chrono>

#include "google/protobuf/util/time_util.h"

namespace daemoneye::gateway {

using base::MutexLock;

// In one message of a script's `more`.
constexpr int kMoreEvents = 256;

FakeMonitor::FakeMonitor() {
  negotiation.set_stream_id("11111111-1111-4111-8111-111111111111");
  negotiation.set_monitor("procmond");
  negotiation.set_host("host-a");
  negotiation.set_version("1");
  negotiation.set_oldest_sequence(1);
  negotiation.set_next_sequence(1);
  negotiation.add_granted_caps(v1::SOURCE_CAP_PROCESS);
  negotiation.add_task_types(v1::TASK_TYPE_ENUMERATE_PROCESSES);
  for (const v1::Feature feature :
       {v1::FEATURE_RESUME, v1::FEATURE_BATCHES, v1::FEATURE_SNAPSHOT, v1::FEATURE_TASKS}) {
    negotiation.add_features(feature);
  }
  snapshot = [this](const v1::StreamEventsRequest&) {
    return Script{{Started(false, 1), Complete(0)}, true};
  };
  live = [this](const v1::StreamEventsRequest& request) {
    return Script{{Started(true, request.resume().after_sequence() + 1)}, false};
  };
}

FakeMonitor::~FakeMonitor() { Stop(); }

void FakeMonitor::Start(const std::string& path) {
  {
    MutexLock lock(mu_);
    is_stopping_ = false;
  }
  ::unlink(path.c_str());
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

void FakeMonitor::Stop() {
  if (server_ == nullptr) return;
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
    changed_.NotifyAll();
  }
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

v1::StreamEventsRequest FakeMonitor::AwaitLiveStream(int count) {
  MutexLock lock(mu_);
  while (live_streams_ < count) changed_.Wait(mu_);
  return last_live_;
}

v1::CollectionEvent FakeMonitor::Start(uint64_t sequence, uint32_t pid) const {
  v1::CollectionEvent event;
  event.set_sequence(sequence);
  event.mutable_origin()->set_monitor(negotiation.monitor());
  event.mutable_origin()->set_host(negotiation.host());
  event.mutable_origin()->set_stream_id(negotiation.stream_id());
  event.mutable_origin()->set_sequence(sequence);
  *event.mutable_event_time() = google::protobuf::util::TimeUtil::GetCurrentTime();
  *event.mutable_observed_time() = event.event_time();
  event.set_source("process-scan");
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(v1::PROCESS_ACTION_START);
  process.set_pid(pid);
  process.set_process_key("boot-1-" + std::to_string(pid) + "-5");
  process.set_name("fake");
  return event;
}

v1::CollectionEvent FakeMonitor::Started(bool resumed, uint64_t first_sequence) const {
  v1::CollectionEvent event;
  v1::StreamStarted& started = *event.mutable_control()->mutable_stream_started();
  started.set_stream_id(negotiation.stream_id());
  started.set_first_sequence(first_sequence);
  started.set_resumed(resumed);
  return event;
}

v1::CollectionEvent FakeMonitor::Complete(uint64_t count) const {
  v1::CollectionEvent event;
  event.mutable_control()->mutable_snapshot_complete()->set_count(count);
  return event;
}

grpc::Status FakeMonitor::NegotiateCapabilities(grpc::ServerContext*,
                                                const v1::NegotiateCapabilitiesRequest*,
                                                v1::NegotiateCapabilitiesResponse* response) {
  *response = negotiation;
  return grpc::Status::OK;
}

FakeMonitor::Script FakeMonitor::ScriptFor(const v1::StreamEventsRequest& request) {
  if (request.has_follow() && !request.follow()) return snapshot(request);
  Script script = live(request);
  MutexLock lock(mu_);
  ++live_streams_;
  last_live_ = request;
  changed_.NotifyAll();
  return script;
}

grpc::Status FakeMonitor::Linger(grpc::ServerContext* context, bool ends) {
  MutexLock lock(mu_);
  while (!ends && !is_stopping_ && !context->IsCancelled()) {
    // A cancelled call has no notification in the synchronous API.
    changed_.WaitUntil(mu_, std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
  }
  return grpc::Status::OK;
}

grpc::Status FakeMonitor::StreamEvents(grpc::ServerContext* context,
                                       const v1::StreamEventsRequest* request,
                                       grpc::ServerWriter<v1::CollectionEvent>* writer) {
  const Script script = ScriptFor(*request);
  for (const v1::CollectionEvent& event : script.events) writer->Write(event);
  while (script.more != nullptr) {
    const std::optional<v1::CollectionEvent> event = script.more();
    if (!event.has_value() || !writer->Write(*event)) break;
  }
  return Linger(context, script.ends);
}

grpc::Status FakeMonitor::StreamEventBatches(
    grpc::ServerContext* context, const v1::StreamEventBatchesRequest* request,
    grpc::ServerWriter<v1::StreamEventBatchesResponse>* writer) {
  if (!has_batches) return {grpc::StatusCode::UNIMPLEMENTED, "no batches"};
  const Script script = ScriptFor(request->stream());
  v1::StreamEventBatchesResponse batch;
  for (const v1::CollectionEvent& event : script.events) *batch.add_events() = event;
  batch.set_stream_id(negotiation.stream_id());
  writer->Write(batch);
  for (bool has_more = script.more != nullptr; has_more;) {
    batch.clear_events();
    while (has_more && batch.events_size() < kMoreEvents) {
      std::optional<v1::CollectionEvent> event = script.more();
      has_more = event.has_value();
      if (has_more) *batch.add_events() = *std::move(event);
    }
    has_more &= writer->Write(batch);
  }
  return Linger(context, script.ends);
}

grpc::Status FakeMonitor::ExecuteTask(grpc::ServerContext* /*context*/,
                                      const v1::ExecuteTaskRequest* request,
                                      grpc::ServerWriter<v1::ExecuteTaskResponse>* writer) {
  if (!task) return {grpc::StatusCode::UNIMPLEMENTED, "no tasks"};
  return task(*request, [&](const v1::ExecuteTaskResponse& response) { writer->Write(response); });
}

}  // namespace daemoneye::gateway
