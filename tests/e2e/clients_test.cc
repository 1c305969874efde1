// Clients that this suite did not build: Python with generated stubs, and buf curl with nothing but
// reflection.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

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
constexpr char kNoPythonGrpc[] =
    "/usr/bin/python3 has no grpc: apt-get install python3-grpcio python3-protobuf";
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

  // Makes the stubs of the API for Python; where they are.
  std::string MakePythonStubs() const {
    const std::string stubs = directory_.File("stubs");
    std::filesystem::create_directory(stubs);
    const Ended generated =
        RunProgram({"/bin/sh", "-c",
                    fmt::format("protoc -Iprotos --python_out={0} --grpc_python_out={0} "
                                "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin "
                                "protos/daemoneye/v1/*.proto",
                                stubs)});
    EXPECT_EQ(generated.code, 0) << generated.output;
    return stubs;
  }
  static bool HasPythonGrpc() {
    return RunProgram({kPython, "-c", "import grpc, google.protobuf"}).code == 0;
  }

  std::string ChildLine() const { return fmt::format("process {} e2e-client\n", child_.pid()); }

  TempDirectory directory_;
  const TestChild child_;
  Server procmond_;
  Server gateway_;
};

TEST_F(ClientsTest, PythonReadsTheSameFromMonitorAndGateway) {
  if (!HasPythonGrpc()) GTEST_SKIP() << kNoPythonGrpc;
  const std::string stubs = MakePythonStubs();
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

// The lines between ```python and ``` of a Markdown file, without their indentation.
std::string PythonIn(const std::string& path) {
  std::ifstream file(path);
  std::string program;
  bool is_inside = false;
  for (std::string line; std::getline(file, line);) {
    const size_t indent = std::min(line.find_first_not_of(' '), size_t{2});
    if (is_inside && line.ends_with("```")) break;
    if (is_inside) program += line.substr(std::min(indent, line.size())) + "\n";
    is_inside |= line.ends_with("```python");
  }
  return program;
}

TEST_F(ClientsTest, ThePythonOfTheReadmeRunsAsItStands) {
  if (!HasPythonGrpc()) GTEST_SKIP() << kNoPythonGrpc;
  std::string program = PythonIn("README.md");
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>("127.0.0.1:50050", gateway_.address()),
        {"bash*", "e2e-cl*"}}) {
    const size_t at = program.find(from);
    ASSERT_NE(at, std::string::npos) << from << " is not in: " << program;
    program.replace(at, from.size(), to);
  }
  const Ended ended = RunToEnd({.argv = {kPython, directory_.Write("readme.py", program)},
                                .environment = {"PYTHONPATH=" + MakePythonStubs()},
                                .user = {}});
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_EQ(ended.output, fmt::format("{} e2e-client\n", child_.pid()));
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
