// Clients that this suite did not build: Python with generated stubs, and buf curl with nothing but
// reflection.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "fmt/format.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using procfs::TestChild;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing_support::Ended;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr char kPython[] = "/usr/bin/python3";
constexpr char kBuf[] = "/usr/bin/buf";

Ended RunProgram(const std::vector<std::string>& argv) {
  return RunToEnd({.argv = argv, .environment = {}, .user = {}});
}

class ClientsTest : public ::testing::Test {
 protected:
  ClientsTest()
      : child_(TestChild::ProgramPath(), {"name=e2e-client"}),
        procmond_(kProcmond, directory_.Socket("p") + ",127.0.0.1:0", {}),
        gateway_(kGateway, "127.0.0.1:0", {"--monitors=" + directory_.Socket("p")}) {
    procmond_.Ready();
    gateway_.Ready();
  }

  std::string ChildLine() const { return fmt::format("process {} e2e-client\n", child_.pid()); }

  TempDirectory directory_;
  const TestChild child_;
  Server procmond_;
  Server gateway_;
};

TEST_F(ClientsTest, PythonReadsTheSameFromMonitorAndGateway) {
  if (RunProgram({kPython, "-c", "import grpc, google.protobuf"}).code != 0) {
    GTEST_SKIP() << kPython << " has no grpc: apt-get install python3-grpcio python3-protobuf";
  }
  const std::string stubs = directory_.File("stubs");
  std::filesystem::create_directory(stubs);
  const Ended generated =
      RunProgram({"/bin/sh", "-c",
                  fmt::format("protoc -Iprotos --python_out={0} --grpc_python_out={0} "
                              "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin "
                              "protos/daemoneye/v1/*.proto",
                              stubs)});
  ASSERT_EQ(generated.code, 0) << generated.output;
  for (const Server* server : {&procmond_, &gateway_}) {
    // Python's gRPC wants unix:/path or unix:///path.
    const Ended ended =
        RunProgram({kPython, "tests/e2e/python_client.py", stubs, server->address(), "e2e-client"});
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_THAT(ended.output, AllOf(HasSubstr(ChildLine()), HasSubstr("complete 1\n"),
                                    HasSubstr("refused INVALID_ARGUMENT\n")));
    EXPECT_THAT(ended.output, HasSubstr(server == &procmond_ ? "monitor procmond\n"
                                                             : "monitor collector-gateway\n"));
  }
}

TEST_F(ClientsTest, BufCurlListsDescribesAndCallsByReflection) {
  if (!std::filesystem::exists(kBuf)) GTEST_SKIP() << kBuf << " is not installed";
  const auto curl = [&](std::vector<std::string> arguments) {
    std::vector<std::string> argv = {kBuf, "curl", "--http2-prior-knowledge", "--protocol", "grpc"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return RunToEnd({.argv = argv, .environment = {"HOME=" + directory_.path()}, .user = {}});
  };
  const std::string url = "http://" + gateway_.address();
  const Ended list = curl({"--list-methods", url});
  EXPECT_EQ(list.code, 0) << list.output;
  for (const char* method :
       {"daemoneye.v1.MonitorService/StreamEvents", "daemoneye.v1.GatewayService/ListMonitors",
        "grpc.health.v1.Health/Check"}) {
    EXPECT_THAT(list.output, HasSubstr(method));
  }
  const Ended snapshot = curl({"-d", R"({"follow":false,"filter":{"names":["e2e-client"]}})",
                               url + "/daemoneye.v1.MonitorService/StreamEvents"});
  EXPECT_EQ(snapshot.code, 0) << snapshot.output;
  EXPECT_THAT(snapshot.output, AllOf(HasSubstr("streamStarted"), HasSubstr("e2e-client"),
                                     HasSubstr("snapshotComplete")));
  const Ended monitors = curl({url + "/daemoneye.v1.GatewayService/ListMonitors"});
  EXPECT_EQ(monitors.code, 0) << monitors.output;
  EXPECT_THAT(monitors.output, HasSubstr("MONITOR_STATE_STREAMING"));
  const Ended health =
      curl({"-d", R"({"service":"readiness"})", url + "/grpc.health.v1.Health/Check"});
  EXPECT_EQ(health.code, 0) << health.output;
  EXPECT_THAT(health.output, HasSubstr("SERVING"));
}

}  // namespace
}  // namespace daemoneye
