#include "tools/bench/bench_monitor.h"

#include <cstdlib>
#include <utility>

#include "fmt/format.h"
#include "libs/monitor/monitor_backend.h"
#include "libs/monitor/monitor_service.h"
#include "libs/rpc/server.h"

namespace daemoneye::bench {
namespace {

class BenchBackend final : public monitor::MonitorBackend {
 public:
  BenchBackend(event_bus::EventBus& bus, const std::string& monitor) : bus_(bus) {
    publisher_.set_monitor(monitor);
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

class BenchMonitor::Impl {
 public:
  Impl(event_bus::EventBus& bus, const std::string& monitor, const std::string& path)
      : backend_(bus, monitor), service_(backend_, {}, base::Clock::Real()) {
    rpc::ServerOptions options;
    options.listen = {"unix://" + path};
    auto server = rpc::Server::Start(
        options, {{&service_, v1::MonitorService::service_full_name()}}, nullptr);
    if (!server.ok()) {
      fmt::print(stderr, "bench: {}\n", server.status().ToString());
      std::exit(1);
    }
    server_ = *std::move(server);
  }

 private:
  BenchBackend backend_;
  monitor::MonitorService service_;
  std::unique_ptr<rpc::Server> server_;
};

BenchMonitor::BenchMonitor(event_bus::EventBus& bus, const std::string& monitor,
                           const std::string& path)
    : impl_(std::make_unique<Impl>(bus, monitor, path)) {}
BenchMonitor::~BenchMonitor() = default;

}  // namespace daemoneye::bench
