#include "tools/bench/bench_servers.h"

#include <cstdio>
#include <cstdlib>

#include "absl/time/clock.h"
#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"

namespace daemoneye::bench {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "bench: {}\n", what);
  std::exit(1);
}

std::shared_ptr<grpc::Channel> Connect(const std::string& path) {
  return grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials());
}

bool IsStreaming(v1::GatewayService::Stub& gateway) {
  grpc::ClientContext context;
  v1::ListMonitorsResponse response;
  if (!gateway.ListMonitors(&context, {}, &response).ok()) return false;
  for (const v1::MonitorLink& monitor : response.monitors()) {
    if (monitor.state() == v1::MONITOR_STATE_STREAMING) return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<ChildProcess> StartProcmond(const std::string& bin, const TempDirectory& directory,
                                            const std::vector<std::string>& flags) {
  const std::string path = directory.File("p.sock");
  std::vector<std::string> argv = {bin + "/services/procmond/procmond", "--listen=unix://" + path,
                                   "--metrics_address=127.0.0.1:0"};
  argv.insert(argv.end(), flags.begin(), flags.end());
  auto procmond = std::make_unique<ChildProcess>(argv, directory.File("procmond.log"));
  if (!AwaitSocket(path, kPatience)) Die("procmond does not answer");
  return procmond;
}

std::unique_ptr<ChildProcess> StartGateway(const std::string& bin, const TempDirectory& directory,
                                           const std::vector<std::string>& flags) {
  const std::string path = directory.File("g.sock");
  std::vector<std::string> argv = {
      bin + "/services/collector_gateway/collector_gateway", "--listen=unix://" + path,
      "--monitors=unix://" + directory.File("p.sock"), "--data_dir=" + directory.File("data"),
      "--metrics_address=127.0.0.1:0"};
  argv.insert(argv.end(), flags.begin(), flags.end());
  auto gateway = std::make_unique<ChildProcess>(argv, directory.File("gateway.log"));
  if (!AwaitSocket(path, kPatience)) Die("the gateway does not answer");
  const auto stub = v1::GatewayService::NewStub(Connect(path));
  const absl::Time deadline = absl::Now() + kPatience;
  while (!IsStreaming(*stub)) {
    if (absl::Now() > deadline) Die("the gateway does not come to stream");
    absl::SleepFor(absl::Milliseconds(20));
  }
  return gateway;
}

std::vector<std::string> SourcesOf(const std::string& path) {
  grpc::ClientContext context;
  v1::NegotiateCapabilitiesResponse response;
  const auto stub = v1::MonitorService::NewStub(Connect(path));
  if (!stub->NegotiateCapabilities(&context, {}, &response).ok())
    Die("procmond does not negotiate");
  std::vector<std::string> sources;
  for (const auto& source : response.sources()) {
    sources.push_back(fmt::format("{} {}", source.name(), v1::SourceState_Name(source.state())));
  }
  return sources;
}

}  // namespace daemoneye::bench
