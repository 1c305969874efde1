// The example monitor as a real process over real sockets: what every monitor binary gets from
// libs/monitor.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::Ended;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr char kBinary[] = "tests/example_monitor/example_monitor";

class ExampleMonitorTest : public ::testing::Test {
 protected:
  std::string Socket() const { return directory_.Socket("s"); }
  std::vector<std::string> Arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"--listen=" + Socket(), "--config="};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::unique_ptr<Server> Start(const std::vector<std::string>& more = {}) const {
    auto server = std::make_unique<Server>(kBinary, Socket(), more);
    EXPECT_TRUE(server->AwaitLine({"INFO examplemond: ready"}).has_value());
    return server;
  }
  // The binary with these arguments alone, to its end.
  static Ended RunToEnd(std::vector<std::string> arguments,
                        const std::vector<std::string>& environment = {}) {
    arguments.insert(arguments.begin(), kBinary);
    return testing_support::RunToEnd(
        {.argv = std::move(arguments), .environment = environment, .user = {}});
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

  const TempDirectory directory_;
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
  EXPECT_LE(server->Terminate(), absl::Seconds(1));
  while (reader->Read(&event)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_FALSE(std::filesystem::exists(directory_.File("s")));
}

TEST_F(ExampleMonitorTest, EndsWithinASecondRightAfterAScrapeAndWithAReaderThatNeverReads) {
  const auto server = Start({"--metrics_address=127.0.0.1:0"});
  EXPECT_THAT(server->Metrics(), HasSubstr("daemoneye_build_info"));
  const auto stub = v1::MonitorService::NewStub(Connect());
  grpc::ClientContext context;
  const auto stuck = stub->StreamEvents(&context, {});
  v1::CollectionEvent started;
  ASSERT_TRUE(stuck->Read(&started));  // and no more
  server->Metrics();
  EXPECT_LE(server->Terminate(), absl::Seconds(1));
  context.TryCancel();
}

TEST_F(ExampleMonitorTest, PageHoldsWhatEveryMonitorCounts) {
  const auto server = Start({"--metrics_address=127.0.0.1:0"});
  Status();
  const std::string page = server->Metrics();
  for (const char* name :
       {"events_observed_total{", "events_published_total{", "events_filtered_total",
        "events_dropped_total{", "source_up{source=\"load\"} 1",
        "source_last_event_timestamp_seconds{", "subscribers 0", "queue_length{", "queue_capacity{",
        "event_latency_seconds_bucket{", "build_info{", "config_generation 1",
        "config_info{component=\"examplemond\",config_hash=\"", "config_last_reload_success 1"}) {
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
  const Ended check = RunToEnd(Arguments({"--health_check"}));
  EXPECT_EQ(check.code, 0) << check.output;
}

TEST_F(ExampleMonitorTest, HealthCheckWithoutAServerFails) {
  EXPECT_EQ(RunToEnd(Arguments({"--health_check"})).code, 1);
}

TEST_F(ExampleMonitorTest, ActionsPrintAndEnd) {
  EXPECT_THAT(RunToEnd({"--version"}).output, HasSubstr("examplemond 0."));
  EXPECT_THAT(RunToEnd({"--help"}).output, HasSubstr("--max_batch_size"));
  EXPECT_EQ(RunToEnd(Arguments({"--check_config"})).code, 0);
  const Ended printed = RunToEnd(Arguments({"--print_config", "--max_batch_size=7"}));
  EXPECT_THAT(printed.output, HasSubstr("max_batch_size: 7"));
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
    const Ended result = RunToEnd(Arguments(c.arguments), c.environment);
    EXPECT_EQ(result.code, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(c.text));
  }
}

TEST_F(ExampleMonitorTest, AddressInUseEndsTheSecondServerWithASentence) {
  const auto server = Start();
  const Ended second = RunToEnd(Arguments());
  EXPECT_EQ(second.code, 1) << second.output;
  EXPECT_THAT(second.output, HasSubstr("another process answers there"));
  EXPECT_TRUE(Status().ready());
}

TEST_F(ExampleMonitorTest, ReloadIsOneGenerationOrNothing) {
  const std::string file = directory_.Write("config.yaml", "log_level: info\n");
  Server server(kBinary, Socket(), {"--config=" + file, "--metrics_address=127.0.0.1:0"});
  ASSERT_TRUE(server.AwaitLine({"INFO examplemond: ready"}));
  const auto config_info = [&] {
    const std::string page = server.Metrics();
    const size_t at = page.find("\ndaemoneye_config_info{");
    return page.substr(at, page.find('\n', at + 1) - at);
  };
  const std::string before = config_info();
  EXPECT_THAT(before, AllOf(HasSubstr("component=\"examplemond\""), HasSubstr("config_hash=\"")));
  // The file is looked at once a second, too: whichever comes first.
  directory_.Write("config.yaml", "log_level: debug\n");
  server.Signal(SIGHUP);
  ASSERT_TRUE(server.AwaitLine({"configuration reloaded"}));
  const std::string after = config_info();
  EXPECT_NE(after, before);
  EXPECT_THAT(after, HasSubstr("} 1"));
  EXPECT_EQ(Status().config_generation(), 2u);
  directory_.Write("config.yaml", "log_level: debug\nmax_batch_size: 5\n");
  server.Signal(SIGHUP);
  ASSERT_TRUE(server.AwaitLine({"not reloaded", "max_batch_size"}));
  EXPECT_EQ(Status().config_generation(), 2u);
  EXPECT_EQ(config_info(), after);
  server.Terminate();
}

TEST_F(ExampleMonitorTest, TcpPortZeroIsPickedAndLogged) {
  Server server(kBinary, "127.0.0.1:0", {});
  EXPECT_THAT(server.address(), AllOf(HasSubstr("127.0.0.1:"), Not(::testing::EndsWith(":0"))));
  server.Terminate();
}

}  // namespace
}  // namespace daemoneye
