#include "libs/linux/bpf/bpf_support.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "libs/linux/procfs/file_reader.h"

namespace daemoneye::bpf {
namespace {

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
// include/linux/proc_ns.h: the inodes of the namespaces that the kernel begins with.
constexpr uint64_t kInitialPidNamespace = 0xEFFFFFFC;
constexpr uint64_t kInitialUserNamespace = 0xEFFFFFFD;

uint64_t EffectiveCapabilities() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return data[0].effective | uint64_t{data[1].effective} << 32;
}

uint64_t InodeOf(const char* path) {
  struct stat file;
  return ::stat(path, &file) == 0 ? file.st_ino : 0;
}

// The word in brackets of "none [integrity] confidentiality".
std::string ReadLockdown() {
  procfs::TextBuffer buffer(256);
  std::string_view text;
  if (procfs::ReadFileAt(AT_FDCWD, "/sys/kernel/security/lockdown", buffer, text) != 0) return "";
  const size_t open = text.find('['), close = text.find(']');
  if (open == text.npos || close == text.npos || close < open) return "";
  return std::string(text.substr(open + 1, close - open - 1));
}

// A line of /proc/PID/cgroup is HIERARCHY:CONTROLLERS:PATH, and the v2 hierarchy's number 0.
bool HasV1Cgroups() {
  procfs::TextBuffer buffer(8192);
  std::string_view text;
  if (procfs::ReadFileAt(AT_FDCWD, "/proc/self/cgroup", buffer, text) != 0) return true;
  while (!text.empty()) {
    if (!text.starts_with("0:")) return true;
    const size_t end = text.find('\n');
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return false;
}

}  // namespace

std::vector<std::string> BpfSupport::Obstacles() const {
  std::vector<std::string> obstacles;
  if (!has_btf) {
    obstacles.push_back(
        fmt::format("{} is missing (a kernel with CONFIG_DEBUG_INFO_BTF=y, and "
                    "/sys mounted, would have it)",
                    kBtf));
  }
  if (lockdown == "confidentiality") {
    obstacles.emplace_back("kernel lockdown=confidentiality forbids reading kernel memory");
  }
  if (!has_cap_sys_admin) {
    if (!has_cap_bpf) obstacles.emplace_back("capability cap_bpf is missing");
    if (!has_cap_perfmon) obstacles.emplace_back("capability cap_perfmon is missing");
  }
  if (!is_in_initial_user_namespace) {
    obstacles.emplace_back("in a user namespace of its own, whose capabilities do not count");
  }
  return obstacles;
}

absl::Status BpfSupport::Check() const {
  const std::vector<std::string> obstacles = Obstacles();
  if (obstacles.empty()) return absl::OkStatus();
  const std::string text = fmt::format("no BPF here: {}", fmt::join(obstacles, "; "));
  return has_btf ? absl::PermissionDeniedError(text) : absl::UnimplementedError(text);
}

BpfSupport ReadBpfSupport() {
  BpfSupport support;
  utsname name;
  if (::uname(&name) == 0) support.kernel_release = name.release;
  const uint64_t capabilities = EffectiveCapabilities();
  support.has_cap_bpf = (capabilities >> CAP_BPF & 1) != 0;
  support.has_cap_perfmon = (capabilities >> CAP_PERFMON & 1) != 0;
  support.has_cap_sys_admin = (capabilities >> CAP_SYS_ADMIN & 1) != 0;
  support.has_v1_cgroups = HasV1Cgroups();
  support.has_btf = ::access(kBtf, R_OK) == 0;
  support.lockdown = ReadLockdown();
  support.pid_namespace_inode = InodeOf("/proc/self/ns/pid");
  support.is_in_initial_pid_namespace = support.pid_namespace_inode == kInitialPidNamespace;
  support.is_in_initial_user_namespace = InodeOf("/proc/self/ns/user") == kInitialUserNamespace;
  return support;
}

}  // namespace daemoneye::bpf
