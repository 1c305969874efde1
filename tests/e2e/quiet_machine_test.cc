// The default set where nothing is wrong: a machine of its own (a pid namespace), idle and while
// packages are installed, raises no alert.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "daemoneye/v1/alert_service.pb.h"
#include "fmt/format.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using testing_support::Client;
using testing_support::Ended;
using testing_support::EventStream;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr absl::Duration kInstallTime = absl::Minutes(2);

class QuietMachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for a pid namespace";
    // procmond is the first process of its namespace, and sees what begins in it.
    const std::string wrapper = directory_.Write(
        "machine", fmt::format("#!/bin/sh\nexec unshare --pid --fork --mount-proc --kill-child "
                               "'{}' \"$@\"\n",
                               std::filesystem::absolute(kProcmond).string()));
    chmod(wrapper.c_str(), 0755);
    procmond_.emplace(wrapper, directory_.Socket("p"), std::vector<std::string>{"--interval=5"});
    procmond_->Ready();
    gateway_.emplace(kGateway, directory_.Socket("g"),
                     std::vector<std::string>{"--monitors=" + directory_.Socket("p"),
                                              "--data_dir=" + directory_.path()});
    gateway_->Ready();
    client_.emplace(gateway_->address());
  }

  // The pid of procmond as this test sees it.
  pid_t Machine() const {
    std::ifstream children(
        fmt::format("/proc/{}/task/{}/children", procmond_->pid(), procmond_->pid()));
    pid_t pid = 0;
    children >> pid;
    EXPECT_GT(pid, 0);
    return pid;
  }

  // Runs a command as a process of the machine.
  Ended Run(const std::string& command) {
    return RunToEnd({.argv = {"/usr/bin/nsenter", fmt::format("--target={}", Machine()), "--pid",
                              "--mount", "/bin/sh", "-c", command}},
                    kInstallTime);
  }

  // Reads the stream until a process `name` was seen to end, and so two scans at least.
  void AwaitTheEndOf(const std::string& name) {
    v1::StreamEventsRequest request = testing_support::LiveOnly();
    request.mutable_filter()->add_actions("STOP");
    request.mutable_filter()->add_names(name);
    EventStream stream = client_->StreamEvents(request, kInstallTime);
    const Ended marker =
        Run(fmt::format("cp /bin/sleep /usr/local/bin/{0}; {0} 7; rm "
                        "/usr/local/bin/{0}",
                        name));
    ASSERT_EQ(marker.code, 0) << marker.output;
    stream.Until([](const v1::CollectionEvent& event) { return event.has_process(); });
  }

  void ExpectNoAlerts() {
    const auto alerts = client_->Call<v1::ListAlertsResponse>(
        "/daemoneye.v1.AlertService/ListAlerts", v1::ListAlertsRequest());
    ASSERT_TRUE(alerts.ok()) << alerts.status();
    for (const v1::Alert& alert : alerts->alerts()) ADD_FAILURE() << alert.DebugString();
  }

  TempDirectory directory_;
  std::optional<Server> procmond_, gateway_;
  std::optional<Client> client_;
};

TEST_F(QuietMachineTest, AnIdleMachineRaisesNoAlert) {
  AwaitTheEndOf("de-idle-mark");
  ExpectNoAlerts();
}

TEST_F(QuietMachineTest, AReinstallOfAPackageRaisesNoAlert) {
  const Ended ended =
      Run("for i in 1 2 3; do DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --reinstall "
          "hostname || exit 9; sleep 3; done");
  if (ended.code == 9) GTEST_SKIP() << "apt-get cannot install here: " << ended.output;
  EXPECT_EQ(ended.code, 0) << ended.output;
  AwaitTheEndOf("de-apt-mark");
  ExpectNoAlerts();
}

}  // namespace
}  // namespace daemoneye
