#include "libs/sources/process/record_reader.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "libs/base/status_macros.h"

namespace daemoneye::process {
namespace {

constexpr uint32_t kPfWqWorker = 0x20;  // PF_WQ_WORKER, include/linux/sched.h

// The kernel shows behind a worker's name what it does this moment ("kworker/0:1-events"): no part
// of it. A thread of its own ("kworker/R-rcu_gp") says so in its name.
std::string_view NameOf(const procfs::ProcStat& stat) {
  std::string_view name = stat.comm;
  if (!stat.is_kernel_thread() || (stat.flags & kPfWqWorker) == 0) return name;
  if (name.starts_with("kworker/R-")) return name;
  return name.substr(0, name.find_first_of("-+"));
}

// Without memory it is on its way out: what it had is not to be told as changed.
bool IsDying(const procfs::ProcStat& stat) { return stat.is_zombie() || stat.vsize_bytes == 0; }

uint64_t LayoutOf(const procfs::ProcStat& stat) {
  if (stat.start_stack == 0 || stat.lacks_layout()) return 0;
  const uint64_t hash = absl::HashOf(stat.start_code, stat.end_code, stat.start_stack,
                                     stat.start_data, stat.start_brk);
  return std::max(hash, kLayoutInExec + 1);
}

uint32_t Narrow(const std::optional<uint64_t>& inode) {
  return inode.has_value() ? static_cast<uint32_t>(*inode) : 0;
}

ImageIdentity Compact(const procfs::FileIdentity& file) {
  return {file.device, file.inode, file.mode, file.owner_uid};
}

template <typename T>
Change Assign(T& field, T value, Change change) {
  if (field == value) return Change::kNone;
  field = value;
  return change;
}

void SetStatus(const procfs::ProcStatus& status, ProcessRecord& record) {
  record.uid = status.uid.real;
  record.euid = status.uid.effective;
  record.gid = status.gid.real;
  record.has_status = true;
  record.has_capabilities = status.capabilities.has_value();
  if (record.has_capabilities) record.capabilities = *status.capabilities;
  const bool is_nested = status.pid_namespace_depth != 0 && status.innermost_pid.has_value();
  record.container_pid = is_nested ? *status.innermost_pid : 0;
}

// Changes that an exec makes, and that are told only as one when it did.
constexpr Change kOfAnImage =
    Change::kCommandLine | Change::kExecutable | Change::kImage | Change::kExec;

absl::Status InExec() { return absl::UnavailableError("in the middle of an exec"); }

// A regular device, not a server's: looking up a path there waits for nobody else.
bool IsOnBlockDevice(const ImageIdentity& image) { return major(image.device) != 0; }

}  // namespace

void SetReadings(uint64_t cpu_ns, uint64_t rss_bytes, int64_t now_ns, ProcessRecord& record) {
  if (record.cpu_read_ns != 0 && now_ns > record.cpu_read_ns && cpu_ns >= record.cpu_ns) {
    const auto used = static_cast<double>(cpu_ns - record.cpu_ns);
    record.cpu_percent =
        static_cast<float>(100 * used / static_cast<double>(now_ns - record.cpu_read_ns));
  }
  record.cpu_read_ns = now_ns;
  record.cpu_ns = cpu_ns;
  record.rss_bytes = rss_bytes;
}

uint64_t RecordReader::CpuNs(const procfs::ProcStat& stat) const {
  return (stat.utime_ticks + stat.stime_ticks) * (1'000'000'000 / fs_.ticks_per_second());
}

absl::StatusOr<procfs::ProcStat> RecordReader::ReadStat(uint32_t pid) {
  RETURN_IF_ERROR(Select(pid));
  return reader_.ReadStat();
}

void RecordReader::UpdateReadings(const procfs::ProcStat& stat, ProcessRecord& record) {
  const int64_t now_ns = clock_.MonotonicNow().time_since_epoch() / std::chrono::nanoseconds(1);
  SetReadings(CpuNs(stat), stat.rss_bytes, now_ns, record);
}

// `read`, or what stat says once the exec in whose middle it was read is over. Unavailable: it is
// not.
absl::StatusOr<procfs::ProcStat> RecordReader::BehindExec(const procfs::ProcStat& read) {
  if (!read.lacks_layout()) return read;
  const auto command_line = reader_.ReadCmdline();
  if (absl::IsNotFound(command_line.status())) return command_line.status();
  if (!command_line.ok() || command_line->bytes.empty()) return InExec();
  return reader_.ReadStat();
}

// OK when the process still runs the image that `layout` is of. NotFound: it runs none any more.
absl::Status RecordReader::CheckWhole(uint64_t layout) {
  const auto stat = reader_.ReadStat();
  if (!stat.ok()) return stat.status();
  if (IsDying(*stat)) return absl::NotFoundError("ending");
  return LayoutOf(*stat) == layout ? absl::OkStatus() : InExec();
}

void RecordReader::ReadNew(const procfs::ProcStat& read, bool is_enhanced, ProcessRecord& record) {
  const auto settled = BehindExec(read);
  const procfs::ProcStat& stat = settled.ok() ? *settled : read;
  record.pid = static_cast<uint32_t>(stat.pid);
  record.start_ticks = stat.start_ticks;
  record.is_kernel_thread = stat.is_kernel_thread();
  record.is_zombie = stat.is_zombie();
  record.exit_code = stat.exit_code;
  record.is_in_exec = absl::IsUnavailable(settled.status());
  record.layout = record.is_in_exec ? kLayoutInExec : LayoutOf(stat);
  record.ppid = static_cast<uint32_t>(stat.ppid);
  record.session = static_cast<uint32_t>(std::max(stat.session, 0));
  record.tty_nr = stat.tty_nr;
  UpdateName(stat, record);
  UpdateReadings(stat, record);
  bool is_gone = !UpdateStatus(record).ok();
  if (!record.is_kernel_thread && !record.is_zombie) {
    is_gone |= !UpdateCommandLine(record).ok();
    is_gone |= !UpdateImage(stat, record).ok();
    ReadDetails(is_enhanced, record);
    record.is_in_exec |= absl::IsUnavailable(CheckWhole(record.layout));
  }
  record.is_exit_known = record.is_zombie && record.is_accessible;
  record.are_details_missing = is_gone;
  if (!is_gone) ReadFixed(record);
}

// What stays as it is for life, or nearly.
void RecordReader::ReadFixed(ProcessRecord& record) {
  const auto login_uid = reader_.ReadLoginUid();
  if (login_uid.ok()) record.login_uid = login_uid->value_or(kUnset);
  const auto inodes = reader_.ReadNamespaces();
  if (!inodes.ok()) return;
  record.namespaces = {Narrow(inodes->cgroup), Narrow(inodes->ipc), Narrow(inodes->mnt),
                       Narrow(inodes->net),    Narrow(inodes->pid), Narrow(inodes->time),
                       Narrow(inodes->user),   Narrow(inodes->uts)};
}

absl::StatusOr<Change> RecordReader::Update(const procfs::ProcStat& read, bool is_enhanced,
                                            ProcessRecord& record) {
  ASSIGN_OR_RETURN(const procfs::ProcStat stat, BehindExec(read));
  // What BPF told before and a procfs does not.
  record.exec_id = 0;
  record.cgroup_key = 0;
  const bool has_used = CpuNs(stat) != record.cpu_ns || stat.rss_bytes != record.rss_bytes;
  Change changes = has_used ? Change::kReading : Change::kNone;
  UpdateReadings(stat, record);
  record.ppid = static_cast<uint32_t>(stat.ppid);
  record.session = static_cast<uint32_t>(std::max(stat.session, 0));
  record.tty_nr = stat.tty_nr;
  record.is_zombie = stat.is_zombie();
  record.is_exit_known = record.is_zombie && record.is_accessible;
  record.exit_code = stat.exit_code;
  if (record.is_zombie) return changes;
  changes |= UpdateName(stat, record);
  if (record.is_kernel_thread) return changes;

  ASSIGN_OR_RETURN(const Change status_changes, UpdateStatus(record));
  ASSIGN_OR_RETURN(const Change command_line_changes, UpdateCommandLine(record));
  ASSIGN_OR_RETURN(const Change image_changes, UpdateImage(stat, record));
  changes |= status_changes | command_line_changes | image_changes;
  if (Has(changes, kOfAnImage)) {
    const absl::Status whole = CheckWhole(LayoutOf(stat));
    // What execs and ends at once has exec'ed.
    if (!whole.ok() && !(absl::IsNotFound(whole) && Has(changes, Change::kExec))) return whole;
  }
  record.is_in_exec = false;
  if (Has(changes, Change::kExec)) {
    ReadFixed(record);
    changes |= ReadDetails(is_enhanced, record);
  } else if (record.is_deleted) {
    changes |= UpdateFile(record);  // another file may appear at any time
  }
  return changes;
}

Change RecordReader::UpdateName(const procfs::ProcStat& stat, ProcessRecord& record) {
  return record.texts.Set(Text::kName, NameOf(stat)) ? Change::kName : Change::kNone;
}

absl::StatusOr<Change> RecordReader::UpdateStatus(ProcessRecord& record) {
  const auto status = reader_.ReadStatus();
  if (absl::IsPermissionDenied(status.status())) return Change::kNone;
  if (!status.ok()) return status.status();
  Change changes = Change::kNone;
  if (record.has_status) {
    changes |= Assign(record.uid, status->uid.real, Change::kUser);
    changes |= Assign(record.euid, status->uid.effective, Change::kEffectiveUser);
    changes |= Assign(record.gid, status->gid.real, Change::kGroup);
  }
  SetStatus(*status, record);
  return changes;
}

// OK when the process chose to have none.
absl::Status RecordReader::WhyWithoutCommandLine() {
  const auto stat = reader_.ReadStat();
  if (!stat.ok() || IsDying(*stat)) return absl::NotFoundError("ending");
  return stat->lacks_layout() ? InExec() : absl::OkStatus();
}

absl::StatusOr<Change> RecordReader::UpdateCommandLine(ProcessRecord& record) {
  const auto read = reader_.ReadCmdline();
  if (absl::IsPermissionDenied(read.status())) return Change::kNone;
  if (!read.ok()) return read.status();
  const std::string_view bytes = read->bytes;
  if (bytes.empty() && !record.texts.Get(Text::kCommandLine).empty()) {
    RETURN_IF_ERROR(WhyWithoutCommandLine());
  }
  Change changes = Assign(record.command_line_total_bytes, read->total_bytes, Change::kCommandLine);
  if (record.texts.Set(Text::kCommandLine, bytes)) changes |= Change::kCommandLine;
  return changes;
}

absl::StatusOr<Change> RecordReader::UpdateImage(const procfs::ProcStat& stat,
                                                 ProcessRecord& record) {
  const auto link = reader_.ReadExeLink();
  if (absl::IsNotFound(link.status())) return link.status();
  record.is_accessible = link.ok();
  if (!link.ok()) return Change::kNone;
  if (!link->has_image()) {
    if (record.texts.Get(Text::kExecutable).empty()) return Change::kNone;
    return absl::NotFoundError("ending");
  }
  const bool is_moved =
      record.is_deleted != link->is_deleted || record.texts.Get(Text::kExecutable) != link->path;
  const uint64_t layout = LayoutOf(stat);
  if (!is_moved && layout == record.layout) return Change::kNone;
  const auto image = reader_.StatExe();
  // Of a recorded tree the images are elsewhere.
  if (!image.ok() && fs_.is_live()) return image.status();
  Change changes = Change::kNone;
  if (record.texts.Set(Text::kExecutable, link->path)) changes |= Change::kExecutable;
  const ImageIdentity identity = image.ok() ? Compact(*image) : ImageIdentity();
  // What the kernel called the same file cannot be held against what stat(2) calls it.
  const bool is_comparable = !record.is_image_of_kernel;
  record.is_image_of_kernel = false;
  if (is_comparable && !identity.is_same_file(record.image)) {
    changes |= Change::kImage | Change::kExecutable;
  }
  if (layout != 0 && record.layout != 0 && layout != record.layout) changes |= Change::kExec;
  record.image = identity;
  // A kernel that told it once tells it again: until then it is the old one.
  if (layout != 0) record.layout = layout;
  record.is_deleted = link->is_deleted;
  record.is_memfd = link->is_memfd;
  return changes | UpdateFile(record);
}

Change RecordReader::UpdateFile(ProcessRecord& record) {
  if (!record.image.is_known() || record.is_memfd) return Change::kNone;
  const std::string_view path = record.texts.Get(Text::kExecutable);
  // An image on a mount that hangs nowhere, as the one from which runc starts containers, has no
  // path: the kernel shows the root of that mount.
  if (path == "/") return Change::kNone;
  auto there = reader_.StatPathCached(path);
  if (absl::IsUnavailable(there.status()) && IsOnBlockDevice(record.image)) {
    there = reader_.StatPath(path);
  }
  if (!there.ok() && !absl::IsNotFound(there.status())) return Change::kNone;
  const bool is_other = there.ok() && !Compact(*there).is_same_file(record.image);
  // A file that is not deleted and not found is beyond our view (another mount namespace).
  if (!there.ok() && !record.is_deleted) return Change::kNone;
  const bool is_there = !record.is_deleted;
  Change changes = Change::kNone;
  if (record.is_file_checked) {
    if (record.is_file_there != is_there) changes |= Change::kFileExists;
    if (record.is_mismatched != is_other) changes |= Change::kMismatch;
  }
  record.is_file_checked = true;
  record.is_file_there = is_there;
  record.is_mismatched = is_other;
  return changes;
}

absl::StatusOr<procfs::Cmdline> RecordReader::ReadCommandLine(uint32_t pid) {
  RETURN_IF_ERROR(Select(pid));
  return reader_.ReadCmdline();
}

bool RecordReader::HasMemory(uint32_t pid) {
  const auto stat = ReadStat(pid);
  return stat.ok() && !IsDying(*stat);
}

void RecordReader::ReadExit(ProcessRecord& record) {
  const auto stat = ReadStat(record.pid);
  if (!stat.ok() || !stat->is_zombie() || stat->start_ticks != record.start_ticks) return;
  // The kernel tells 0 to who may not trace the process, as it refuses the link.
  if (absl::IsPermissionDenied(reader_.ReadExeLink().status())) return;
  record.exit_code = stat->exit_code;
  record.is_exit_known = true;
}

absl::StatusOr<cgroup::CgroupMembership> RecordReader::ReadCgroup(uint32_t pid) {
  RETURN_IF_ERROR(Select(pid));
  ASSIGN_OR_RETURN(const std::string_view text, reader_.ReadCgroup());
  return cgroup::ParseCgroup(text);
}

Change RecordReader::ReadDetails(bool is_enhanced, ProcessRecord& record) {
  const auto directory = reader_.ReadCwd();
  if (directory.ok()) record.texts.Set(Text::kDirectory, *directory);
  const auto text = reader_.ReadCgroup();
  if (!text.ok()) return Change::kNone;
  const auto membership = cgroup::ParseCgroup(*text);
  if (!membership.ok()) return Change::kNone;
  Change changes = Change::kNone;
  if (record.texts.Set(Text::kContainer, membership->container_id)) changes |= Change::kContainer;
  record.texts.Set(Text::kPod, membership->pod_uid);
  if (is_enhanced && record.texts.Set(Text::kCgroup, membership->path)) changes |= Change::kCgroup;
  return changes;
}

bool RecordReader::IsImageSealed() {
  const auto is_sealed = reader_.IsExeSealed();
  return is_sealed.ok() && *is_sealed;
}

}  // namespace daemoneye::process
