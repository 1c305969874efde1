// RunningImage: the image of one process, opened so that it is that process's whatever happens
// next.
//
// Threads:    one at a time.
// Ownership:  borrows the procfs, which outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/proc_links.h"
#include "libs/linux/procfs/process_reader.h"

namespace daemoneye::hasher {

// Where the path that an image was started from leads now.
enum class OnDisk { kSame, kReplaced, kMissing, kNoPath, kUnknown };

// What became of a process since its image was opened. kOther: it began another program.
enum class ImageState { kRuns, kEnded, kOther };

class RunningImage {
 public:
  // Opens the image of `pid`, which began at `start_ticks` (absent: whoever has that pid). The
  // process is the same before and after the image was opened. NotFound: there is no such process,
  // another one has its pid, it has no image (kernel thread, zombie). PermissionDenied:
  // CAP_SYS_PTRACE.
  static absl::StatusOr<RunningImage> Open(const procfs::ProcFs& fs, uint32_t pid,
                                           std::optional<uint64_t> start_ticks);

  const base::UniqueFd& fd() const { return image_.fd; }
  uint64_t start_ticks() const { return start_ticks_; }
  // As its mount namespace names it, of any bytes; see procfs::ExeLink.
  const std::string& path() const { return path_; }
  bool is_memfd() const { return is_memfd_; }

  // What the process does now. Asks the kernel.
  ImageState Now();
  // May block on a FUSE or network file system. kUnknown also for a process that has ended: its
  // mounts are gone.
  OnDisk LookOnDisk();
  // Whether its paths are those of this host: its mount namespace is ours or that of pid 1.
  bool HasPathsOfHost();

 private:
  explicit RunningImage(const procfs::ProcFs& fs) : fs_(fs), reader_(fs) {}

  absl::Status Read(std::optional<uint64_t> start_ticks);

  const procfs::ProcFs& fs_;
  procfs::ProcessReader reader_;
  procfs::ImageFile image_;
  uint64_t start_ticks_ = 0;
  std::string path_;
  bool is_memfd_ = false;
};

}  // namespace daemoneye::hasher
