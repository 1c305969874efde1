#include "libs/sources/process/task_filler.h"

#include <optional>
#include <utility>

namespace daemoneye::process {
namespace {

uint32_t Narrow(const std::optional<uint64_t>& inode) {
  return inode.has_value() ? static_cast<uint32_t>(*inode) : 0;
}

template <typename T>
Change Assign(T& field, T value, Change change) {
  if (field == value) return Change::kNone;
  field = value;
  return change;
}

constexpr Change Without(Change all, Change some) {
  return static_cast<Change>(static_cast<uint32_t>(all) & ~static_cast<uint32_t>(some));
}

}  // namespace

Change TaskFiller::SetIdentity(const bpf::TaskRecord& task, ProcessRecord& record) {
  Change changes = Change::kNone;
  record.ppid = task.ppid;
  record.session = task.session;
  record.tty_nr = task.tty_nr;
  record.is_kernel_thread = task.is_kernel_thread();
  record.is_zombie = task.has_ended();
  if (record.has_status) {
    changes |= Assign(record.uid, task.uid.real, Change::kUser);
    changes |= Assign(record.euid, task.uid.effective, Change::kEffectiveUser);
    changes |= Assign(record.gid, task.gid.real, Change::kGroup);
  }
  record.uid = task.uid.real;
  record.euid = task.uid.effective;
  record.gid = task.gid.real;
  record.has_status = true;
  record.capabilities = task.capabilities;
  record.has_capabilities = true;
  record.login_uid = task.login_uid.value_or(kUnset);
  record.container_pid = task.pid_namespace_depth != 0 ? task.innermost_pid : 0;
  const procfs::NamespaceInodes& inodes = task.namespaces;
  record.namespaces = {Narrow(inodes.cgroup), Narrow(inodes.ipc), Narrow(inodes.mnt),
                       Narrow(inodes.net),    Narrow(inodes.pid), Narrow(inodes.time),
                       Narrow(inodes.user),   Narrow(inodes.uts)};
  if (record.texts.Set(Text::kName, task.comm)) changes |= Change::kName;
  return changes;
}

Change TaskFiller::SetImage(const bpf::TaskRecord& task, ProcessRecord& record) {
  if (!task.image.has_value()) return Change::kNone;
  const ImageIdentity image = {task.image->device, task.image->inode, task.image->mode,
                               task.image->owner_uid};
  Change changes = Change::kNone;
  const bool was_told = record.is_image_of_kernel;
  record.is_image_of_kernel = true;
  if (was_told && !image.is_same_file(record.image)) changes |= Change::kImage;
  record.image = image;
  record.is_memfd = task.is_memfd;
  record.is_accessible = true;
  return changes;
}

// A file that has its name is there, and is what runs: the kernel has just found it by that name,
// or still has it so. Where it lost it, another may have it now.
Change TaskFiller::SetFile(ProcessRecord& record) {
  if (record.is_memfd || record.texts.Get(Text::kExecutable).empty()) return Change::kNone;
  if (record.is_deleted) {
    if (!reader_.Select(record.pid).ok()) return Change::kNone;
    return reader_.UpdateFile(record);
  }
  Change changes = Change::kNone;
  if (record.is_file_checked) {
    if (!record.is_file_there) changes |= Change::kFileExists;
    if (record.is_mismatched) changes |= Change::kMismatch;
  }
  record.is_file_checked = true;
  record.is_file_there = true;
  record.is_mismatched = false;
  return changes;
}

// What BPF could not read of it, or has no room for, is read of the procfs while the process lives.
Change TaskFiller::SetCommandLine(const bpf::TaskRecord& task, bool is_new_image,
                                  ProcessRecord& record) {
  std::string_view bytes = task.arguments;
  uint64_t total_bytes = task.total_argument_bytes;
  const std::string_view known = record.texts.Get(Text::kCommandLine);
  const bool is_cut = task.are_arguments_truncated() && bytes.size() < procfs::kMaxCmdlineBytes;
  if (is_cut && !is_new_image && record.command_line_total_bytes == total_bytes &&
      known.size() > bytes.size() && known.starts_with(bytes)) {
    return Change::kNone;
  }
  const bool has_vanished = bytes.empty() && !is_new_image && !known.empty();
  if (is_cut || has_vanished || task.are_arguments_overwritten()) {
    const auto read = reader_.ReadCommandLine(task.pid);
    const bool is_more = read.ok() && read->bytes.size() > bytes.size();
    if (is_more) {
      bytes = read->bytes;
      total_bytes = read->total_bytes;
    } else if (!is_new_image && (!read.ok() || has_vanished) && !reader_.HasMemory(task.pid)) {
      return Change::kNone;  // it ends
    }
  }
  const Change change = Assign(record.command_line_total_bytes, total_bytes, Change::kCommandLine);
  return record.texts.Set(Text::kCommandLine, bytes) ? Change::kCommandLine : change;
}

Change TaskFiller::SetTexts(const bpf::TaskRecord& task, bool is_enhanced, bool is_new_image,
                            ProcessRecord& record) {
  Change changes = Change::kNone;
  if (!task.executable.empty()) {
    const bool is_moved = record.texts.Set(Text::kExecutable, task.executable);
    if (record.is_deleted != task.is_deleted || is_moved) changes |= Change::kExecutable;
    record.is_deleted = task.is_deleted;
  }
  if (!task.directory.empty()) record.texts.Set(Text::kDirectory, task.directory);
  changes |= SetCommandLine(task, is_new_image, record);
  return changes | SetCgroup(task, is_enhanced, record);
}

Change TaskFiller::SetCgroup(const bpf::TaskRecord& task, bool is_enhanced, ProcessRecord& record) {
  if (task.cgroup_key != 0 && task.cgroup_key == record.cgroup_key) return Change::kNone;
  Change changes = Change::kNone;
  if (!cgroups_.Set(task.cgroup_key, is_enhanced, record, &changes)) {
    record.are_details_missing = true;
  }
  return changes;
}

void TaskFiller::FillNew(const bpf::TaskRecord& task, bool is_enhanced, ProcessRecord& record) {
  record.pid = task.pid;
  record.start_ticks = TicksOf(task.start_boottime_ns);
  record.exec_id = task.exec_id;
  SetIdentity(task, record);
  const int64_t now_ns = clock_.MonotonicNow().time_since_epoch() / std::chrono::nanoseconds(1);
  if (task.rss_bytes.has_value()) SetReadings(task.cpu_ns, *task.rss_bytes, now_ns, record);
  if (record.is_zombie) return;
  SetImage(task, record);
  SetTexts(task, is_enhanced, /*is_new_image=*/true, record);
  record.is_in_exec = task.is_in_exec;
  SetFile(record);
}

void TaskFiller::FillForked(const bpf::TaskRecord& task, const ProcessRecord* parent,
                            bool is_enhanced, ProcessRecord& record) {
  record.pid = task.pid;
  record.start_ticks = TicksOf(task.start_boottime_ns);
  record.exec_id = task.exec_id;
  const bool is_of_parent =
      parent != nullptr && parent->is_image_of_kernel && task.image.has_value() &&
      parent->image.is_same_file({task.image->device, task.image->inode, 0, 0});
  if (is_of_parent) {
    record.texts = parent->texts;
    record.command_line_total_bytes = parent->command_line_total_bytes;
    record.cgroup_key = parent->cgroup_key;
    record.is_deleted = parent->is_deleted;
    record.is_file_checked = parent->is_file_checked;
    record.is_file_there = parent->is_file_there;
    record.is_mismatched = parent->is_mismatched;
    record.rules_reported = parent->rules_reported;
  }
  SetIdentity(task, record);
  if (record.is_kernel_thread) return;
  SetImage(task, record);
  record.are_details_missing = !is_of_parent;
  SetCgroup(task, is_enhanced, record);
}

Change TaskFiller::UpdateByExec(const bpf::TaskRecord& task, bool is_enhanced,
                                ProcessRecord& record) {
  record.are_details_missing = false;
  record.is_in_exec = false;
  record.exec_id = task.exec_id;
  // Of a file that BPF tells, another is another image; what a procfs told cannot be compared.
  Change changes = SetIdentity(task, record) | SetImage(task, record);
  changes |= SetTexts(task, is_enhanced, /*is_new_image=*/true, record) | SetFile(record);
  return changes | Change::kExec;
}

Change TaskFiller::Update(const bpf::TaskRecord& task, bool is_enhanced, ProcessRecord& record) {
  const uint64_t rss_bytes = task.rss_bytes.value_or(record.rss_bytes);
  const bool has_used = task.cpu_ns != record.cpu_ns || rss_bytes != record.rss_bytes;
  Change changes = has_used ? Change::kReading : Change::kNone;
  const int64_t now_ns = clock_.MonotonicNow().time_since_epoch() / std::chrono::nanoseconds(1);
  SetReadings(task.cpu_ns, rss_bytes, now_ns, record);
  changes |= SetIdentity(task, record);
  // Without memory it is on its way out: what it had is not to be told as changed.
  if (record.is_zombie || record.is_kernel_thread || !task.image.has_value()) return changes;
  const bool has_execed = record.exec_id != 0 ? record.exec_id != task.exec_id : record.is_in_exec;
  record.exec_id = task.exec_id;
  record.is_in_exec = false;
  const bool was_missing = record.are_details_missing;
  record.are_details_missing = false;
  changes |= SetImage(task, record);
  changes |= SetTexts(task, is_enhanced, has_execed, record) | SetFile(record);
  if (has_execed) return changes | Change::kExec;
  // What was not known before has not changed.
  return was_missing ? Without(changes, kModifications | Change::kImage) : changes;
}

}  // namespace daemoneye::process
