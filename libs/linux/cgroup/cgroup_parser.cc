#include "libs/linux/cgroup/cgroup_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "libs/base/text.h"

namespace daemoneye::cgroup {
namespace {

constexpr size_t kIdSize = 64;

bool IsHex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsContainerId(std::string_view text) { return text.size() == kIdSize && IsHex(text); }

// The text up to the first `separator`, which is cut off `rest` with it.
std::string_view TakeUpTo(std::string_view& rest, char separator) {
  const size_t length = rest.find(separator);
  const std::string_view taken = rest.substr(0, length);
  rest.remove_prefix(length == std::string_view::npos ? rest.size() : length + 1);
  return taken;
}

Runtime RuntimeOfPrefix(std::string_view prefix) {
  static constexpr std::pair<std::string_view, Runtime> kPrefixes[] = {
      {"docker", Runtime::kDocker},      {"cri-containerd", Runtime::kContainerd},
      {"nerdctl", Runtime::kContainerd}, {"containerd", Runtime::kContainerd},
      {"crio", Runtime::kCrio},          {"libpod", Runtime::kPodman},
  };
  for (const auto& [name, runtime] : kPrefixes) {
    if (prefix == name) return runtime;
  }
  return Runtime::kUnknown;
}

struct Container {
  std::string_view id;
  Runtime runtime = Runtime::kUnknown;
};

// The container that a cgroup's name tells, with its parent's: ID, PREFIX-ID, PREFIX-ID.scope,
// SLICE:PREFIX:ID.
Container ContainerOf(std::string_view name, std::string_view parent) {
  if (name.ends_with(".scope")) name.remove_suffix(6);
  if (name.size() < kIdSize) return {};
  const std::string_view id = name.substr(name.size() - kIdSize);
  if (!IsContainerId(id)) return {};
  std::string_view prefix = name.substr(0, name.size() - kIdSize);
  if (prefix.empty()) {
    return {.id = id, .runtime = parent == "docker" ? Runtime::kDocker : Runtime::kUnknown};
  }
  const char separator = prefix.back();
  prefix.remove_suffix(1);
  if (separator == ':') prefix = prefix.substr(prefix.rfind(':') + 1);
  const Runtime runtime = RuntimeOfPrefix(prefix);
  if ((separator != '-' && separator != ':') || runtime == Runtime::kUnknown) return {};
  return {.id = id, .runtime = runtime};
}

// The pod that a cgroup's name tells, as it stands there: podUID, or ...-podUID.slice (and what
// follows it after a colon).
std::string_view PodOf(std::string_view name) {
  name = name.substr(0, name.find(':'));
  if (name.ends_with(".slice")) {
    name.remove_suffix(6);
    const size_t dash = name.rfind("-pod");
    if (dash != std::string_view::npos) name.remove_prefix(dash + 1);
  }
  if (!name.starts_with("pod")) return {};
  name.remove_prefix(3);
  if (name.size() == 32 && IsHex(name)) return name;
  if (name.size() != 36) return {};
  for (size_t i = 0; i < name.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? name[i] != '-' && name[i] != '_' : !IsHex(name.substr(i, 1))) return {};
  }
  return name;
}

// Innermost wins: a container in a container has a path with both.
void FindContainer(std::string_view path, CgroupMembership& membership) {
  Container container;
  std::string_view pod;
  std::string_view parent;
  while (!path.empty()) {
    const std::string_view name = TakeUpTo(path, '/');
    if (const std::string_view found = PodOf(name); !found.empty()) {
      pod = found;
      container = {};  // one around the node that this pod is on
    }
    if (const Container found = ContainerOf(name, parent); !found.id.empty()) container = found;
    parent = name;
  }
  if (membership.container_id.empty()) {
    membership.container_id = container.id;
    membership.runtime = container.runtime;
  }
  if (membership.pod_uid.empty()) {
    membership.pod_uid = pod;
    std::replace(membership.pod_uid.begin(), membership.pod_uid.end(), '_', '-');
  }
}

size_t Depth(std::string_view path) {
  return path == "/" ? 0 : static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
}

}  // namespace

std::string_view RuntimeName(Runtime runtime) {
  switch (runtime) {
    case Runtime::kDocker:
      return "docker";
    case Runtime::kContainerd:
      return "containerd";
    case Runtime::kCrio:
      return "cri-o";
    case Runtime::kPodman:
      return "podman";
    case Runtime::kUnknown:
      break;
  }
  return "";
}

absl::StatusOr<CgroupMembership> ParseCgroup(std::string_view text) {
  CgroupMembership membership;
  std::string_view v2_path;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view path = TakeUpTo(rest, '\n');
    const std::string_view id = TakeUpTo(path, ':');
    const std::string_view controllers = TakeUpTo(path, ':');
    if (!path.starts_with('/') || id.empty()) continue;
    if (path.ends_with(" (deleted)")) path.remove_suffix(10);
    if (id == "0" && controllers.empty()) v2_path = path;
    if (membership.path.empty() || Depth(path) > Depth(membership.path)) membership.path = path;
    FindContainer(path, membership);
  }
  if (membership.path.empty()) {
    return absl::DataLossError(fmt::format("cannot parse file=cgroup field=path excerpt=\"{}\"",
                                           base::EscapeForTerminal(text.substr(0, 64))));
  }
  if (Depth(v2_path) > 0) membership.path = v2_path;
  return membership;
}

}  // namespace daemoneye::cgroup
