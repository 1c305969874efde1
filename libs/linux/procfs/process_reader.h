// ProcessReader: reads the files of one process after another.
//
// Select() pins a process by its directory descriptor: whatever is read until the next Select() is
// of that one process or NotFound, never of another one that got its pid.
//
// NotFound means the process is gone (or hidden: hidepid=2); PermissionDenied that it may not be
// looked at; DataLoss that the bytes were not what the kernel writes (pid, file, field, excerpt).
// No call changes anything in the process or waits for it.
//
// Views in the results last until the next call of the same method.
//
// Threads:    one at a time.
// Ownership:  borrows the ProcFs, which outlives it. Buffers of 90 KiB, grown at most once to what
//             the largest file needs (1 MiB): no allocation a process, but for failures.
// Cost:       one open and one read a file: see procfs_benchmark for each.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/file_reader.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/proc_links.h"
#include "libs/linux/procfs/proc_stat.h"
#include "libs/linux/procfs/proc_status.h"

namespace daemoneye::procfs {

inline constexpr size_t kMaxCmdlineBytes = 65'536;

class ProcessReader {
 public:
  explicit ProcessReader(const ProcFs& fs);

  // What follows is read of the process that has `pid` now.
  absl::Status Select(pid_t pid);
  pid_t pid() const { return pid_; }

  absl::StatusOr<ProcStat> ReadStat();
  absl::StatusOr<ProcStatus> ReadStatus();
  absl::StatusOr<Cmdline> ReadCmdline();

  // Without an image (kernel thread, zombie) an ExeLink with an empty path. PermissionDenied for
  // processes of others without CAP_SYS_PTRACE.
  absl::StatusOr<ExeLink> ReadExeLink();
  // Current directory; empty when it has none (zombie). " (deleted)" is left on.
  absl::StatusOr<std::string_view> ReadCwd();
  // Text of /proc/PID/cgroup, for cgroup::ParseCgroup().
  absl::StatusOr<std::string_view> ReadCgroup();
  // The user who logged in; nullopt when nobody did, or the kernel has no audit.
  absl::StatusOr<std::optional<uint32_t>> ReadLoginUid();
  // The audit session; nullopt as above.
  absl::StatusOr<std::optional<uint32_t>> ReadAuditSession();
  absl::StatusOr<NamespaceInodes> ReadNamespaces();

  // The image that runs, by the link itself. NotFound also when it has none. Never asks a remote or
  // FUSE server: what the kernel has cached.
  absl::StatusOr<FileIdentity> StatExe();
  // The same, open for reading (hashing). May block on a FUSE or network file system: not on the
  // thread that scans.
  absl::StatusOr<ImageFile> OpenExe();
  // An open file, to hold against what it was.
  static absl::StatusOr<FileIdentity> StatOpen(const base::UniqueFd& fd);
  // What stands at `path`, as ReadExeLink or ReadCwd gave it, now: in the mount namespace of the
  // process. NotFound: nothing. May block as OpenExe.
  absl::StatusOr<FileIdentity> StatPath(std::string_view path);
  // The same from what the kernel has cached, which asks no server and never blocks. Unavailable:
  // that does not tell.
  absl::StatusOr<FileIdentity> StatPathCached(std::string_view path);
  // True when the image is a memfd that its maker sealed against any change. NotFound as StatExe.
  absl::StatusOr<bool> IsExeSealed();

 private:
  absl::Status Failed(int error, std::string_view file) const;
  absl::Status Annotate(const absl::Status& parse_error) const;
  absl::StatusOr<std::string_view> ReadLink(const char* name, TextBuffer& buffer);
  absl::StatusOr<std::optional<uint32_t>> ReadAuditId(const char* name);
  bool IsDeleted(const char* exe_text) const;
  bool IsGone() const;

  const ProcFs& fs_;
  pid_t pid_ = 0;
  base::UniqueFd dir_;
  TextBuffer stat_;
  TextBuffer status_;
  TextBuffer cmdline_;
  TextBuffer exe_;
  TextBuffer cwd_;
  TextBuffer cgroup_;
  TextBuffer small_;
};

}  // namespace daemoneye::procfs
