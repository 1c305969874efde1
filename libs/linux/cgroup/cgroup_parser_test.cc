#include "libs/linux/cgroup/cgroup_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace daemoneye::cgroup {
namespace {

const std::string kA(64, 'a');
const std::string kB = std::string(63, '1') + "f";
constexpr std::string_view kPod = "1b2a3c4d-0001-4abc-8def-0123456789ab";
constexpr std::string_view kPodUnderscores = "1b2a3c4d_0001_4abc_8def_0123456789ab";

struct Case {
  std::string name;
  std::string path;
  std::string container_id;
  std::string pod_uid;
  Runtime runtime = Runtime::kUnknown;
};

std::string Slice(std::string_view qos) {
  return "/kubepods.slice/kubepods-" + std::string(qos) + ".slice/kubepods-" + std::string(qos) +
         "-pod" + std::string(kPodUnderscores) + ".slice/";
}

const Case kCases[] = {
    {"root", "/", "", ""},
    {"service", "/system.slice/ssh.service", "", ""},
    {"user", "/user.slice/user-1000.slice/user@1000.service/app.slice", "", ""},
    {"docker cgroupfs", "/docker/" + kA, kA, "", Runtime::kDocker},
    {"docker systemd", "/system.slice/docker-" + kA + ".scope", kA, "", Runtime::kDocker},
    {"below a container", "/docker/" + kA + "/system.slice/x.service", kA, "", Runtime::kDocker},
    {"docker in docker", "/docker/" + kA + "/docker/" + kB, kB, "", Runtime::kDocker},
    {"containerd systemd", Slice("besteffort") + "cri-containerd-" + kA + ".scope", kA,
     std::string(kPod), Runtime::kContainerd},
    {"containerd with colons",
     "/system.slice/containerd.service/kubepods-burstable-pod" + std::string(kPodUnderscores) +
         ".slice:cri-containerd:" + kA,
     kA, std::string(kPod), Runtime::kContainerd},
    {"guaranteed pod",
     "/kubepods.slice/kubepods-pod" + std::string(kPodUnderscores) + ".slice/cri-containerd-" + kA +
         ".scope",
     kA, std::string(kPod), Runtime::kContainerd},
    {"kubepods cgroupfs", "/kubepods/besteffort/pod" + std::string(kPod) + "/" + kA, kA,
     std::string(kPod)},
    {"kubepods cgroupfs guaranteed", "/kubepods/pod" + std::string(kPod) + "/" + kA, kA,
     std::string(kPod)},
    {"static pod", "/kubepods/burstable/pod" + std::string(32, '7') + "/" + kA, kA,
     std::string(32, '7')},
    {"cri-o systemd", Slice("burstable") + "crio-" + kA + ".scope", kA, std::string(kPod),
     Runtime::kCrio},
    {"cri-o below its scope", Slice("burstable") + "crio-" + kA + ".scope/container", kA,
     std::string(kPod), Runtime::kCrio},
    {"cri-o cgroupfs", "/kubepods/besteffort/pod" + std::string(kPod) + "/crio-" + kA, kA,
     std::string(kPod), Runtime::kCrio},
    {"cri-o conmon", Slice("besteffort") + "crio-conmon-" + kA + ".scope", "", std::string(kPod)},
    {"podman", "/machine.slice/libpod-" + kA + ".scope/container", kA, "", Runtime::kPodman},
    {"podman rootless",
     "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kA + ".scope", kA, "",
     Runtime::kPodman},
    {"podman cgroupfs", "/libpod_parent/libpod-" + kA, kA, "", Runtime::kPodman},
    {"podman conmon", "/machine.slice/libpod-conmon-" + kA + ".scope", "", ""},
    {"podman pod", "/machine.slice/machine-libpod_pod_" + kB + ".slice/libpod-" + kA + ".scope", kA,
     "", Runtime::kPodman},
    {"a node in a container",
     "/docker/" + kB + "/kubelet/kubepods/besteffort/pod" + std::string(kPod) + "/" + kA, kA,
     std::string(kPod)},
    {"nested kubelet slice",
     "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
     "kubelet-kubepods-besteffort-pod" +
         std::string(kPodUnderscores) + ".slice/cri-containerd-" + kA + ".scope",
     kA, std::string(kPod), Runtime::kContainerd},
    {"nerdctl", "/system.slice/nerdctl-" + kA + ".scope", kA, "", Runtime::kContainerd},
    {"another engine, plain id", "/ecs/task/" + kA, kA, ""},
    {"63 digits", "/docker/" + kA.substr(1), "", ""},
    {"65 digits", "/docker/" + kA + "a", "", ""},
    {"capitals", "/docker/" + std::string(64, 'A'), "", ""},
    {"not a prefix of ours", "/system.slice/backup-" + kA + ".scope", "", ""},
    {"pod of the wrong shape", "/kubepods/pod1b2a3c4d-0001-4abc-8def-0123456789a", "", ""},
    {"podcast", "/system.slice/podcast.service", "", ""},
    {"colons in a path", "/a:b/docker-" + kA + ".scope", kA, "", Runtime::kDocker},
};

TEST(CgroupParserTest, KnowsTheNamesThatEnginesMake) {
  for (const Case& c : kCases) {
    const std::string text = "0::" + c.path + "\n";
    const auto found = ParseCgroup(text);
    ASSERT_TRUE(found.ok()) << c.name << found.status();
    EXPECT_EQ(found->path, c.path) << c.name;
    EXPECT_EQ(found->container_id, c.container_id) << c.name;
    EXPECT_EQ(found->pod_uid, c.pod_uid) << c.name;
    EXPECT_EQ(found->runtime, c.runtime) << c.name;
  }
}

TEST(CgroupParserTest, KnowsThemUnderV1Controllers) {
  for (const Case& c : kCases) {
    const std::string text =
        "12:pids:" + c.path + "\n3:cpu,cpuacct:" + c.path + "\n1:name=systemd:" + c.path + "\n";
    const auto found = ParseCgroup(text);
    ASSERT_TRUE(found.ok()) << c.name << found.status();
    EXPECT_EQ(found->path, c.path) << c.name;
    EXPECT_EQ(found->container_id, c.container_id) << c.name;
    EXPECT_EQ(found->pod_uid, c.pod_uid) << c.name;
  }
}

TEST(CgroupParserTest, TakesThePathThatSaysMost) {
  const struct {
    std::string_view text;
    std::string_view path;
  } kPaths[] = {
      // Hybrid, everything in v1.
      {"9:name=systemd:/\n4:memory:/jobs/7\n3:cpuset:/\n0::/\n", "/jobs/7"},
      // Hybrid, systemd uses v2: that is it, however deep the others are.
      {"4:memory:/a/b/c\n1:name=systemd:/user.slice\n0::/user.slice/x\n", "/user.slice/x"},
      {"4:memory:/a/b\n2:cpu:/a/b/c\n1:name=systemd:/x\n", "/a/b/c"},
      {"5:cpu:/first/path\n4:memory:/other/path\n", "/first/path"},
      {"0::/gone/service (deleted)\n", "/gone/service"},
      {"0::/../sibling\n", "/../sibling"},
      {"0::/no/newline", "/no/newline"},
      {"garbage\n0::/x\n", "/x"},
      {"9:pids:/\n", "/"},
  };
  for (const auto& c : kPaths) {
    const auto found = ParseCgroup(c.text);
    ASSERT_TRUE(found.ok()) << c.text << found.status();
    EXPECT_EQ(found->path, c.path) << c.text;
  }
}

TEST(CgroupParserTest, FindsTheContainerWhereOnlyAControllerTellsIt) {
  const std::string text = "4:memory:/docker/" + kA + "\n1:name=systemd:/\n0::/system.slice/x\n";
  const auto found = ParseCgroup(text);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->path, "/system.slice/x");
  EXPECT_EQ(found->container_id, kA);
  EXPECT_EQ(found->runtime, Runtime::kDocker);
}

TEST(CgroupParserTest, WhatIsNotACgroupFileIsDataLoss) {
  for (const std::string_view text : {"", "\n", "0:", "0::", "::/x", "0::relative\n", "no lines"}) {
    EXPECT_EQ(ParseCgroup(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(CgroupParserTest, RuntimesHaveNames) {
  EXPECT_EQ(RuntimeName(Runtime::kCrio), "cri-o");
  EXPECT_EQ(RuntimeName(Runtime::kDocker), "docker");
  EXPECT_EQ(RuntimeName(Runtime::kContainerd), "containerd");
  EXPECT_EQ(RuntimeName(Runtime::kPodman), "podman");
  EXPECT_EQ(RuntimeName(Runtime::kUnknown), "");
}

}  // namespace
}  // namespace daemoneye::cgroup
