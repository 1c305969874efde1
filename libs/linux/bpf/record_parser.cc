#include "libs/linux/bpf/record_parser.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <optional>

#include "libs/base/status_macros.h"
#include "libs/linux/bpf/programs/wire.h"

namespace daemoneye::bpf {
namespace {

// TASK_REPORT and the others of include/linux/sched.h.
constexpr uint32_t kReported = 0x7f;
constexpr uint32_t kIdle = 0x402;
constexpr uint32_t kRtLockOrFrozen = 0x1000 | 0x8000;
constexpr std::string_view kStateLetters = "RSDTtXZPI";

// As get_task_state (fs/proc/array.c).
char StateLetter(uint32_t state) {
  uint32_t reported = state & kReported;
  if ((state & kIdle) == kIdle) reported = kReported + 1;
  if ((state & kRtLockOrFrozen) != 0) reported = 0x2;
  const size_t index = static_cast<size_t>(std::bit_width(reported));
  return index < kStateLetters.size() ? kStateLetters[index] : '?';
}

// As new_encode_dev (include/linux/kdev_t.h) and stat(2) give it.
uint32_t EncodeTty(uint32_t device) {
  const uint32_t major = device >> 20, minor = device & 0xfffff;
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

std::optional<uint64_t> InodeOf(uint32_t inode) {
  return inode == 0 ? std::nullopt : std::optional<uint64_t>(inode);
}

std::optional<uint32_t> AuditId(uint32_t id, uint32_t flags) {
  return (flags & WIRE_NO_LOGIN_UID) != 0 || id == ~uint32_t{0} ? std::nullopt
                                                                : std::optional<uint32_t>(id);
}

void SetIdentity(const wire_task& from, TaskRecord& to) {
  to.pid = from.pid;
  to.ppid = from.ppid;
  to.pgrp = from.pgrp;
  to.session = from.session;
  to.host_pid = from.host_pid;
  to.innermost_pid = from.innermost_pid;
  to.pid_namespace_depth = from.pid_namespace_depth;
  to.tty_nr = EncodeTty(from.tty);
  to.start_boottime_ns = from.start_boottime_ns;
  to.parent_start_boottime_ns = from.parent_start_boottime_ns;
  to.exec_id = from.exec_id;
  to.cgroup_id = from.cgroup_id;
  to.cgroup_key = from.cgroup_key;
  to.flags = from.kernel_flags;
  to.thread_count = from.threads;
  to.state = StateLetter(from.state);
}

void SetCredentials(const wire_task& from, TaskRecord& to) {
  to.uid = {from.uid, from.euid, from.suid, from.fsuid};
  to.gid = {from.gid, from.egid, from.sgid, from.fsgid};
  to.capabilities = {from.cap_inheritable, from.cap_permitted, from.cap_effective,
                     from.cap_bounding, from.cap_ambient};
  to.login_uid = AuditId(from.login_uid, from.flags);
  to.audit_session = AuditId(from.audit_session, from.flags);
  to.namespaces = {InodeOf(from.ns_cgroup), InodeOf(from.ns_ipc), InodeOf(from.ns_mnt),
                   InodeOf(from.ns_net),    InodeOf(from.ns_pid), InodeOf(from.ns_time),
                   InodeOf(from.ns_user),   InodeOf(from.ns_uts)};
}

void SetImage(const wire_task& from, TaskRecord& to) {
  to.image.reset();
  if (from.image_inode != 0) {
    to.image = Image{::makedev(from.image_device >> 20, from.image_device & 0xfffff),
                     from.image_inode, from.image_mode, from.image_owner_uid};
  }
  to.is_deleted = (from.flags & WIRE_DELETED) != 0;
  to.is_in_exec = (from.flags & WIRE_IN_EXEC) != 0;
  to.are_arguments_unread = (from.flags & WIRE_ARGUMENTS_UNREAD) != 0;
  to.are_paths_unread = (from.flags & (WIRE_EXECUTABLE_UNREAD | WIRE_DIRECTORY_UNREAD)) != 0;
}

uint64_t PageBytes() {
  static const auto bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// Takes texts from the front of what is left.
class Texts {
 public:
  explicit Texts(std::string_view left) : left_(left) {}
  std::string_view Take(uint32_t bytes) {
    is_short_ |= bytes > left_.size();
    const std::string_view text = left_.substr(0, bytes);
    left_.remove_prefix(text.size());
    return text;
  }
  std::string_view left() const { return left_; }
  bool is_short() const { return is_short_; }

 private:
  std::string_view left_;
  bool is_short_ = false;
};

// Sets all but what is of one kind only; returns the length of the record.
absl::StatusOr<size_t> ParseTask(std::string_view bytes, wire_record& wire, TaskRecord& task,
                                 std::string_view& filename) {
  if (bytes.size() < sizeof wire) {
    return absl::DataLossError(fmt::format("a record is cut short: bytes={}", bytes.size()));
  }
  std::memcpy(&wire, bytes.data(), sizeof wire);
  Texts texts(bytes.substr(sizeof wire));
  filename = texts.Take(wire.filename_bytes);
  task.executable = texts.Take(wire.executable_bytes);
  task.directory = texts.Take(wire.directory_bytes);
  task.arguments = texts.Take(wire.argument_bytes);
  if (texts.is_short()) {
    return absl::DataLossError(fmt::format(
        "a record's texts are cut short: bytes={} filename={} executable={} directory={} "
        "arguments={}",
        bytes.size(), wire.filename_bytes, wire.executable_bytes, wire.directory_bytes,
        wire.argument_bytes));
  }
  const char* comm = bytes.data() + offsetof(wire_record, task) + offsetof(wire_task, comm);
  task.comm = std::string_view(comm, ::strnlen(comm, sizeof wire.task.comm));
  task.total_argument_bytes = wire.total_argument_bytes;
  task.cpu_ns = wire.cpu_ns;
  task.rss_bytes.reset();
  if ((wire.task.flags & WIRE_HAS_RSS) != 0) task.rss_bytes = wire.rss_pages * PageBytes();
  SetIdentity(wire.task, task);
  SetCredentials(wire.task, task);
  SetImage(wire.task, task);
  task.is_memfd = (wire.task.flags & WIRE_ROOTLESS) != 0 && task.executable.starts_with("/memfd:");
  return bytes.size() - texts.left().size();
}

}  // namespace

absl::Status ParseProbeRecord(std::string_view bytes, ProbeRecord& record) {
  wire_record wire;
  ASSIGN_OR_RETURN(const size_t length, ParseTask(bytes, wire, record.task, record.filename));
  if (length != bytes.size()) {
    return absl::DataLossError(
        fmt::format("a record of {} bytes ends at {}", bytes.size(), length));
  }
  switch (wire.kind) {
    case WIRE_FORK:
      record.event = Event::kFork;
      break;
    case WIRE_EXEC:
      record.event = Event::kExec;
      break;
    case WIRE_EXIT:
      record.event = Event::kExit;
      break;
    default:
      return absl::DataLossError(fmt::format("a record of no known kind: kind={}", wire.kind));
  }
  record.cpu = wire.cpu;
  record.boottime_ns = wire.boottime_ns;
  record.old_tid = wire.old_tid;
  record.exit = {.code = static_cast<int32_t>((wire.exit_status >> 8) & 0xff),
                 .signal = static_cast<int32_t>(wire.exit_status & 0x7f),
                 .has_dumped_core = (wire.exit_status & 0x80) != 0};
  return absl::OkStatus();
}

absl::StatusOr<size_t> ParseTaskRecord(std::string_view bytes, TaskRecord& record) {
  wire_record wire;
  std::string_view filename;
  ASSIGN_OR_RETURN(const size_t length, ParseTask(bytes, wire, record, filename));
  if (wire.kind != WIRE_TASK) {
    return absl::DataLossError(fmt::format("a scan's record is of kind={}", wire.kind));
  }
  return length;
}

}  // namespace daemoneye::bpf
