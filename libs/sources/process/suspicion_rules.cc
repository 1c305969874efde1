#include "libs/sources/process/suspicion_rules.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "libs/base/text.h"

namespace daemoneye::process {
namespace {

// Where root alone may write, and packages install.
constexpr std::array<std::string_view, 12> kSystemDirectories = {
    "/usr/", "/bin/",       "/sbin/",      "/lib/",  "/lib32/",   "/lib64/",
    "/opt/", "/nix/store/", "/gnu/store/", "/snap/", "/var/lib/", "/run/current-system/"};
constexpr std::array<std::string_view, 3> kTemporaryDirectories = {"/tmp/", "/var/tmp/",
                                                                   "/dev/shm/"};

template <size_t kSize>
bool IsBelow(std::string_view path, const std::array<std::string_view, kSize>& directories) {
  return std::any_of(directories.begin(), directories.end(),
                     [&](std::string_view directory) { return path.starts_with(directory); });
}

// A path as a reason may hold it: bounded, and printable whatever it is.
std::string Shown(std::string_view path) { return base::EscapeForTerminal(path.substr(0, 256)); }

}  // namespace

std::string_view RuleName(Rule rule) {
  switch (rule) {
    case Rule::kExecutableChanged:
      return "executable_changed";
    case Rule::kStartInFuture:
      return "start_in_future";
    case Rule::kStartInconsistent:
      return "start_inconsistent";
    case Rule::kExecutableReplaced:
      return "executable_replaced";
    case Rule::kMemfd:
      return "memfd_executable";
    case Rule::kTemporaryDirectory:
      return "temporary_directory";
    case Rule::kSetuid:
      return "setuid_outside_system";
  }
  return "unknown";
}

ProcessFacts FactsOf(const ProcessRecord& record) {
  return {record.pid,
          record.start_ticks,
          record.exec_id != 0 ? record.exec_id : record.layout,
          record.image,
          record.texts.Get(Text::kExecutable),
          record.is_memfd,
          record.is_mismatched};
}

std::optional<Suspicion> CheckExecutableChanged(const ProcessFacts* previous,
                                                const ProcessFacts& current) {
  if (previous == nullptr || previous->layout == 0 || previous->layout != current.layout) {
    return std::nullopt;
  }
  if (!previous->image.is_known() || !current.image.is_known() ||
      previous->image.is_same_file(current.image)) {
    return std::nullopt;
  }
  return Suspicion{Rule::kExecutableChanged, v1::SEVERITY_HIGH,
                   fmt::format("its executable became {} (before: {}) without an exec",
                               Shown(current.executable), Shown(previous->executable))};
}

std::optional<Suspicion> CheckStartInFuture(const ProcessFacts& current,
                                            const RuleContext& context) {
  const auto tolerance = static_cast<uint64_t>(context.ticks_per_second);
  if (context.now_ticks == 0 || current.start_ticks <= context.now_ticks + tolerance) {
    return std::nullopt;
  }
  return Suspicion{Rule::kStartInFuture, v1::SEVERITY_HIGH,
                   fmt::format("its start time lies {} s in the future",
                               (current.start_ticks - context.now_ticks) / tolerance)};
}

std::optional<Suspicion> CheckStartInconsistent(const ProcessFacts& current,
                                                const RuleContext& context) {
  if (!context.parent_start_ticks.has_value() ||
      current.start_ticks >= *context.parent_start_ticks) {
    return std::nullopt;
  }
  return Suspicion{Rule::kStartInconsistent, v1::SEVERITY_LOW,
                   fmt::format("its start time lies {} ticks before its parent's",
                               *context.parent_start_ticks - current.start_ticks)};
}

std::optional<Suspicion> CheckExecutableReplaced(const ProcessFacts& current,
                                                 const RuleContext& context) {
  if (!current.is_mismatched || context.is_package_manager_busy) return std::nullopt;
  if (context.is_from_package) {
    return Suspicion{
        Rule::kExecutableReplaced, v1::SEVERITY_LOW,
        fmt::format("a package manager replaced its executable {}: it runs the old one",
                    Shown(current.executable))};
  }
  return Suspicion{Rule::kExecutableReplaced, v1::SEVERITY_MEDIUM,
                   fmt::format("another file stands at {} than the one that it runs",
                               Shown(current.executable))};
}

std::optional<Suspicion> CheckMemfd(const ProcessFacts& current, const RuleContext& context) {
  if (!current.is_memfd || context.has_runtime_parent || context.is_sealed_child_of_init) {
    return std::nullopt;
  }
  return Suspicion{
      Rule::kMemfd, v1::SEVERITY_HIGH,
      fmt::format("its executable is a file in memory, {}", Shown(current.executable))};
}

std::optional<Suspicion> CheckTemporaryDirectory(const ProcessFacts& current) {
  if (!IsBelow(current.executable, kTemporaryDirectories)) return std::nullopt;
  return Suspicion{
      Rule::kTemporaryDirectory, v1::SEVERITY_MEDIUM,
      fmt::format("its executable {} lies where anybody may write", Shown(current.executable))};
}

std::optional<Suspicion> CheckSetuid(const ProcessFacts& current) {
  if ((current.image.mode & S_ISUID) == 0 || current.is_memfd ||
      IsBelow(current.executable, kSystemDirectories)) {
    return std::nullopt;
  }
  return Suspicion{Rule::kSetuid, v1::SEVERITY_HIGH,
                   fmt::format("its executable {} is setuid to user {} outside the system's "
                               "directories",
                               Shown(current.executable), current.image.owner_uid)};
}

std::vector<Suspicion> CheckAll(const ProcessFacts* previous, const ProcessFacts& current,
                                const RuleContext& context) {
  std::vector<Suspicion> found;
  for (std::optional<Suspicion> suspicion :
       {CheckExecutableChanged(previous, current), CheckStartInFuture(current, context),
        CheckStartInconsistent(current, context), CheckExecutableReplaced(current, context),
        CheckMemfd(current, context), CheckTemporaryDirectory(current), CheckSetuid(current)}) {
    if (suspicion.has_value()) found.push_back(*std::move(suspicion));
  }
  return found;
}

bool IsContainerRuntime(std::string_view executable) {
  constexpr std::array<std::string_view, 9> kNames = {
      "runc",    "crun",   "youki",  "kata-runtime",   "containerd",
      "dockerd", "conmon", "podman", "containerd-shim"};
  const size_t slash = executable.rfind('/');
  if (slash == std::string_view::npos || !IsBelow(executable, kSystemDirectories)) return false;
  const std::string_view name = executable.substr(slash + 1);
  return name.starts_with("containerd-shim-") ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

}  // namespace daemoneye::process
