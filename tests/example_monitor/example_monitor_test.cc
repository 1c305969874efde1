// The example monitor as a real process over real sockets: what every monitor binary gets from
// libs/monitor.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "libs/base/unique_fd.h"
#include "tests/example_monitor/server_process.h"

namespace daemoneye {
namespace {

using ::testing::AllOf;
using testing::ExitResult;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunToEnd;
using testing::ServerProcess;

constexpr char kBinary[] = "tests/example_monitor/example_monitor";

class ExampleMonitorTest : public ::testing::Test {
 protected:
  ExampleMonitorTest() {
    char name[] = "/tmp/example_monitor.XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~ExampleMonitorTest() override { std::filesystem::remove_all(directory_); }

  std::string Socket() const { return "unix://" + directory_ + "/s"; }
  std::vector<std::string> Arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"--listen=" + Socket(), "--config="};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::unique_ptr<ServerProcess> Start(std::vector<std::string> more = {}) const {
    auto server = std::make_unique<ServerProcess>(kBinary, Arguments(std::move(more)));
    EXPECT_TRUE(server->AwaitOutput("INFO examplemond: ready"));
    return server;
  }
  std::shared_ptr<grpc::Channel> Connect() const {
    return grpc::CreateChannel(Socket(), grpc::InsecureChannelCredentials());
  }
  // Asks for what is in force.
  v1::GetStatusResponse Status() const {
    grpc::ClientContext context;
    v1::GetStatusResponse status;
    EXPECT_TRUE(v1::MonitorService::NewStub(Connect())->GetStatus(&context, {}, &status).ok());
    return status;
  }

  // The Prometheus page, from the address that the server logged.
  static std::string Scrape(const ServerProcess& server) {
    const std::string key = "url=http://127.0.0.1:";
    const std::string& log = server.output();
    const int port = std::atoi(log.c_str() + log.find(key) + key.size());
    const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
    const sockaddr_in address = {.sin_family = AF_INET,
                                 .sin_port = htons(static_cast<uint16_t>(port)),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string page;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::recv(fd.get(), buffer, sizeof(buffer), 0)) > 0;) {
      page.append(buffer, static_cast<size_t>(got));
    }
    return page;
  }

  std::string directory_;
};

TEST_F(ExampleMonitorTest, StreamsItsEventsAndEndsWithinASecondOfSigterm) {
  const auto server = Start();
  const auto stub = v1::MonitorService::NewStub(Connect());
  grpc::ClientContext context;
  const auto reader = stub->StreamEvents(&context, {});
  v1::CollectionEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.control().stream_started().publisher().monitor(), "examplemond");
  ASSERT_TRUE(reader->Read(&event));
  ASSERT_TRUE(event.control().has_snapshot_complete());
  uint64_t next = event.control().snapshot_complete().as_of_sequence() + 1;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(reader->Read(&event));
    EXPECT_EQ(event.sequence(), next++);
    EXPECT_EQ(event.origin().monitor(), "examplemond");
    EXPECT_EQ(event.source(), "load");
    EXPECT_EQ(event.performance().metric_name(), "load.1m");
  }
  server->Signal(SIGTERM);
  while (reader->Read(&event)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::UNAVAILABLE);
  const ExitResult end = server->Wait();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_LE(end.took, absl::Seconds(1)) << end.out;
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/s"));
}

TEST_F(ExampleMonitorTest, EndsWithinASecondRightAfterAScrapeAndWithAReaderThatNeverReads) {
  const auto server = Start({"--metrics_address=127.0.0.1:0"});
  EXPECT_THAT(Scrape(*server), HasSubstr("daemoneye_build_info"));
  const auto stub = v1::MonitorService::NewStub(Connect());
  grpc::ClientContext context;
  const auto stuck = stub->StreamEvents(&context, {});
  while (Status().accounting().subscribers_size() == 0) {
  }
  Scrape(*server);
  server->Signal(SIGTERM);
  const ExitResult end = server->Wait();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_LE(end.took, absl::Seconds(1)) << end.out;
  context.TryCancel();
}

TEST_F(ExampleMonitorTest, PageHoldsWhatEveryMonitorCounts) {
  const auto server = Start({"--metrics_address=127.0.0.1:0"});
  Status();
  const std::string page = Scrape(*server);
  for (const char* name :
       {"events_observed_total{", "events_published_total{", "events_filtered_total",
        "events_dropped_total{", "source_up{source=\"load\"} 1",
        "source_last_event_timestamp_seconds{", "subscribers 0", "queue_length{", "queue_capacity{",
        "event_latency_seconds_bucket{", "build_info{", "config_generation 1",
        "config_last_reload_success 1"}) {
    EXPECT_THAT(page, HasSubstr(std::string("\ndaemoneye_") + name));
  }
  EXPECT_THAT(page, HasSubstr("method=\"GetStatus\""));
  EXPECT_THAT(page, HasSubstr("\nprocess_resident_memory_bytes "));
}

TEST_F(ExampleMonitorTest, StatusAddsUp) {
  const auto server = Start({"--labels=zone=a", "--node_name=somewhere"});
  const v1::GetStatusResponse status = Status();
  EXPECT_TRUE(status.ready());
  EXPECT_EQ(status.host(), "somewhere");
  EXPECT_EQ(status.config_generation(), 1u);
  ASSERT_EQ(status.sources_size(), 1);
  EXPECT_EQ(status.sources(0).state(), v1::SOURCE_STATE_RUNNING);
  bool has_node_name = false;
  for (const v1::ConfigValue& value : status.config()) {
    has_node_name |= value.name() == "node_name" && value.origin() == "flag";
  }
  EXPECT_TRUE(has_node_name);
}

TEST_F(ExampleMonitorTest, HealthTellsLivenessAndReadiness) {
  const auto server = Start();
  const auto stub = grpc::health::v1::Health::NewStub(Connect());
  for (const char* name : {"", "liveness", "readiness", "daemoneye.v1.MonitorService"}) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(name);
    grpc::health::v1::HealthCheckResponse response;
    ASSERT_TRUE(stub->Check(&context, request, &response).ok()) << name;
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING) << name;
  }
  const ExitResult check = RunToEnd(kBinary, Arguments({"--health_check"}));
  EXPECT_EQ(check.code, 0) << check.out;
}

TEST_F(ExampleMonitorTest, HealthCheckWithoutAServerFails) {
  EXPECT_EQ(RunToEnd(kBinary, Arguments({"--health_check"})).code, 1);
}

TEST_F(ExampleMonitorTest, ActionsPrintAndEnd) {
  EXPECT_THAT(RunToEnd(kBinary, {"--version"}).out, HasSubstr("examplemond 0."));
  EXPECT_THAT(RunToEnd(kBinary, {"--help"}).out, HasSubstr("--max_batch_size"));
  EXPECT_EQ(RunToEnd(kBinary, Arguments({"--check_config"})).code, 0);
  const ExitResult printed = RunToEnd(kBinary, Arguments({"--print_config", "--max_batch_size=7"}));
  EXPECT_THAT(printed.out, HasSubstr("max_batch_size: 7"));
}

TEST_F(ExampleMonitorTest, BadInputIsRefusedWithASentenceThatNamesIt) {
  const struct {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    const char* text;
  } cases[] = {
      {{"--max_batch_sise=7"}, {}, "max_batch_size"},
      {{"stray"}, {}, "stray"},
      {{"--max_batch_size=0"}, {}, "max_batch_size"},
      {{}, {"DAEMONEYE_NONSENSE=1"}, "NONSENSE"},
  };
  for (const auto& c : cases) {
    const ExitResult result = RunToEnd(kBinary, Arguments(c.arguments), c.environment);
    EXPECT_EQ(result.code, 2) << result.out;
    EXPECT_THAT(result.out, HasSubstr(c.text));
  }
}

TEST_F(ExampleMonitorTest, AddressInUseEndsTheSecondServerWithASentence) {
  const auto server = Start();
  const ExitResult second = RunToEnd(kBinary, Arguments());
  EXPECT_EQ(second.code, 1) << second.out;
  EXPECT_THAT(second.out, HasSubstr("another process answers there"));
  EXPECT_TRUE(Status().ready());
}

TEST_F(ExampleMonitorTest, ReloadIsOneGenerationOrNothing) {
  const std::string file = directory_ + "/config.yaml";
  std::ofstream(file) << "log_level: info\n";
  ServerProcess server(kBinary, {"--listen=" + Socket(), "--config=" + file});
  ASSERT_TRUE(server.AwaitOutput("INFO examplemond: ready"));
  std::ofstream(file) << "log_level: debug\n";
  server.Signal(SIGHUP);
  ASSERT_TRUE(server.AwaitOutput("configuration reloaded"));
  EXPECT_EQ(Status().config_generation(), 2u);
  std::ofstream(file) << "log_level: debug\nmax_batch_size: 5\n";
  server.Signal(SIGHUP);
  ASSERT_TRUE(server.AwaitOutput("not reloaded"));
  EXPECT_EQ(Status().config_generation(), 2u);
  server.Signal(SIGTERM);
  const ExitResult end = server.Wait();
  EXPECT_EQ(end.code, 0);
  EXPECT_THAT(end.out, HasSubstr("max_batch_size"));
}

TEST_F(ExampleMonitorTest, TcpPortZeroIsPickedAndLogged) {
  ServerProcess server(kBinary, {"--listen=127.0.0.1:0", "--config="});
  ASSERT_TRUE(server.AwaitOutput("INFO examplemond: ready"));
  server.Signal(SIGTERM);
  EXPECT_THAT(server.Wait().out,
              AllOf(HasSubstr("listening address=127.0.0.1:"), Not(HasSubstr("127.0.0.1:0\n"))));
}

}  // namespace
}  // namespace daemoneye
