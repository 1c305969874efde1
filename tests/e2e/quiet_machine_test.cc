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

// What a container engine does, by the runtime below it: a container that waits to be started, one
// that runs, and many that end at once.
TEST_F(QuietMachineTest, AContainersStartRaisesNoAlert) {
  if (access("/usr/sbin/runc", X_OK) != 0 || access("/bin/busybox", X_OK) != 0) {
    GTEST_SKIP() << "runc and busybox-static are not installed (tools/setup --dev)";
  }
  const std::string bundle = directory_.File("bundle");
  std::filesystem::create_directories(bundle + "/rootfs/bin");
  std::filesystem::copy_file("/bin/busybox", bundle + "/rootfs/bin/busybox");
  std::filesystem::create_symlink("busybox", bundle + "/rootfs/bin/sh");
  std::filesystem::create_symlink("busybox", bundle + "/rootfs/bin/sleep");
  // Limits cannot be raised in every sandbox that a test runs in.
  const std::string prepare = fmt::format(
      "cd '{0}' && runc spec && sed -i -e 's/\"terminal\": true/\"terminal\": false/' "
      "-e 's/\"hard\": [0-9]*/\"hard\": 1024/' -e 's/\"soft\": [0-9]*/\"soft\": 1024/' "
      "config.json",
      bundle);
  ASSERT_EQ(Run(prepare).code, 0);
  const auto runc = [&](const std::string& command) {
    return Run(fmt::format("cd '{0}' && runc --root '{0}/state' {1}", bundle, command));
  };
  const auto arguments = [&](const std::string& list) {
    EXPECT_EQ(Run(fmt::format("cd '{}' && sed -i -z 's/\"args\": \\[[^]]*\\]/\"args\": [{}]/' "
                              "config.json",
                              bundle, list))
                  .code,
              0);
  };
  arguments(R"("sleep", "12")");
  const Ended created = runc("create de-waiting </dev/null >/dev/null 2>&1");
  if (created.code != 0) {
    const Ended why = runc("run de-why </dev/null");
    GTEST_SKIP() << "runc starts no container here: " << why.output;
  }
  AwaitTheEndOf("de-runc-mark");
  EXPECT_EQ(runc("start de-waiting").code, 0);
  arguments(R"("sh", "-c", "sleep 0.2; sh -c :")");
  const Ended many =
      Run(fmt::format("cd '{0}' && for i in $(seq 30); do runc --root '{0}/state' run de-$i "
                      "</dev/null || exit 1; done",
                      bundle));
  EXPECT_EQ(many.code, 0) << many.output;
  AwaitTheEndOf("de-runs-mark");
  runc("delete --force de-waiting");
  ExpectNoAlerts();
  // Nor does the monitor hold anything against it.
  v1::StreamEventsRequest request = testing_support::LiveOnly();
  request.mutable_filter()->add_actions("SUSPICIOUS");
  request.set_follow(false);
  const auto negotiated = client_->Negotiate();
  ASSERT_TRUE(negotiated.ok()) << negotiated.status();
  request.mutable_resume()->set_stream_id(negotiated->stream_id());
  for (const v1::CollectionEvent& event : client_->StreamEvents(request).Rest()) {
    EXPECT_FALSE(event.has_process()) << event.ShortDebugString();
  }
}

}  // namespace
}  // namespace daemoneye
