// Parses /proc/PID/cgroup (cgroups(7)): where a process stands, and in which container and pod.
//
// Container engines leave their ids in the names of the cgroups they make; this knows Docker,
// containerd, CRI-O and Podman with both cgroup drivers (systemd, cgroupfs), and Kubernetes' pods.
// Whoever may create cgroups can choose such a name: take it as a hint to a person, not as proof.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::cgroup {

enum class Runtime { kUnknown, kDocker, kContainerd, kCrio, kPodman };

// "docker", "containerd", "cri-o", "podman"; empty for kUnknown.
std::string_view RuntimeName(Runtime runtime);

// Views are of the text that was parsed.
struct CgroupMembership {
  // The v2 path where the process was put anywhere but the root of it, else the deepest v1 path;
  // "/" when it is nowhere in particular. Without " (deleted)". As the reader's cgroup namespace
  // names it.
  std::string_view path;
  // Full id, 64 hexadecimal digits, of the innermost container; empty outside of any. The monitor
  // of a container (conmon) is outside.
  std::string_view container_id;
  // UID of the Kubernetes pod, with dashes (static pods: 32 digits without); empty outside of any.
  std::string pod_uid;
  // What made the container, where the names tell.
  Runtime runtime = Runtime::kUnknown;
};

// Any bytes are safe. DataLoss when no line is of the form id:controllers:path.
absl::StatusOr<CgroupMembership> ParseCgroup(std::string_view text);

}  // namespace daemoneye::cgroup
