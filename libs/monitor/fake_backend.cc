#include "libs/monitor/fake_backend.h"

#include <utility>

namespace daemoneye::monitor {
namespace {

event_bus::LocalEventBusOptions WithIdentity(event_bus::LocalEventBusOptions options) {
  options.monitor = "fakemond";
  options.host = "test-host";
  return options;
}

}  // namespace

FakeBackend::FakeBackend(base::Clock& clock, event_bus::LocalEventBusOptions options)
    : clock_(clock), bus_(WithIdentity(std::move(options)), clock) {
  publisher_.set_monitor("fakemond");
  publisher_.set_host("test-host");
  publisher_.set_version("1.2.3");
}

void FakeBackend::Describe(v1::NegotiateCapabilitiesResponse& response) const {
  response.add_granted_caps(v1::SOURCE_CAP_PROCESS);
  response.add_granted_caps(v1::SOURCE_CAP_SYSTEM_WIDE);
  v1::Source& source = *response.add_sources();
  source.set_name("process-scan");
  source.add_caps(v1::SOURCE_CAP_PROCESS);
  source.set_state(v1::SOURCE_STATE_RUNNING);
  response.add_task_types(v1::TASK_TYPE_ENUMERATE_PROCESSES);
}

absl::Status FakeBackend::RefreshState(base::Monotonic deadline) {
  return on_refresh == nullptr ? absl::OkStatus() : on_refresh(deadline);
}

void FakeBackend::CompleteSnapshot(v1::SnapshotComplete& complete) const {
  complete.set_read(7);
  complete.set_total(9);
}

void FakeBackend::FillStatus(v1::GetStatusResponse& response) const {
  response.set_ready(true);
  response.mutable_accounting()->set_published(bus_.statistics().published);
}

absl::Status FakeBackend::RunTask(const v1::ExecuteTaskRequest& /*request*/, std::stop_token stop,
                                  const std::function<bool(v1::CollectionEvent)>& emit,
                                  v1::TaskSummary& summary) {
  summary.mutable_completeness()->set_complete(true);
  return on_task == nullptr ? absl::OkStatus() : on_task(stop, emit);
}

void FakeBackend::PublishProcesses(v1::ProcessAction action, uint32_t first, size_t count,
                                   size_t padding) {
  event::EventList events(count);
  const absl::Time now = clock_.Now();
  for (size_t i = 0; i < count; ++i) {
    v1::ProcessEvent& process = *events[i].mutable_process();
    process.set_action(action);
    process.set_pid(first + static_cast<uint32_t>(i));
    process.set_process_key("key-" + std::to_string(process.pid()));
    if (padding > 0) process.set_working_directory(std::string(padding, 'x'));
    events[i].mutable_event_time()->set_seconds(absl::ToUnixSeconds(now));
  }
  bus_.Publish(std::move(events));
}

}  // namespace daemoneye::monitor
