#include "tools/bench/ring_server.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "fmt/format.h"
#include "libs/event_bus/local_event_bus.h"
#include "libs/monitor/monitor_backend.h"
#include "libs/monitor/monitor_service.h"
#include "libs/rpc/server.h"
#include "tools/bench/samples.h"

namespace daemoneye::bench {
namespace {

class RingBackend final : public monitor::MonitorBackend {
 public:
  explicit RingBackend(event_bus::EventBus& bus) : bus_(bus) {
    publisher_.set_monitor("procmond");
    publisher_.set_host("host");
    publisher_.set_stream_id(bus.stream_id());
  }

  event_bus::EventBus& bus() override { return bus_; }
  const v1::Publisher& publisher() const override { return publisher_; }
  monitor::Announcements& announcements() override { return announcements_; }
  void Describe(v1::NegotiateCapabilitiesResponse& response) const override {
    response.add_granted_caps(v1::SOURCE_CAP_PROCESS);
  }
  absl::Status RefreshState(base::Monotonic) override { return absl::OkStatus(); }
  void CompleteSnapshot(v1::SnapshotComplete&) const override {}
  void FillStatus(v1::GetStatusResponse&) const override {}
  absl::Status RunTask(const v1::ExecuteTaskRequest&, std::stop_token,
                       const std::function<bool(v1::CollectionEvent)>&, v1::TaskSummary&) override {
    return absl::FailedPreconditionError("no tasks here");
  }

 private:
  event_bus::EventBus& bus_;
  v1::Publisher publisher_;
  monitor::Announcements announcements_;
};

}  // namespace

void ServeRing(const std::string& path, size_t events) {
  constexpr size_t kBatch = 256;  // as the typed server
  event_bus::LocalEventBus bus(
      {.monitor = "procmond", .host = "host", .ring_bytes = size_t{1} << 30}, base::Clock::Real());
  for (size_t done = 0; done < events; done += kBatch) {
    bus.Publish(SampleEvents(std::min(kBatch, events - done)));
  }
  RingBackend backend(bus);
  monitor::MonitorService service(backend, {}, base::Clock::Real());
  rpc::ServerOptions options;
  options.listen = {"unix://" + path};
  const auto server =
      rpc::Server::Start(options, {{&service, v1::MonitorService::service_full_name()}}, nullptr);
  if (!server.ok()) {
    fmt::print(stderr, "bench: {}\n", server.status().ToString());
    std::exit(1);
  }
  while (true) pause();
}

}  // namespace daemoneye::bench
