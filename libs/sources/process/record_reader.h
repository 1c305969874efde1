// RecordReader: fills a ProcessRecord from a procfs, and finds what changed in one already filled.
//
// A process that is known costs stat, status, cmdline and the link of its image; its other files
// are read when it is new, at the next scan (a launcher moves its child to another cgroup just
// after the fork), and whenever its image changes. A kernel thread costs stat alone.
//
// What is told apart between two scans of one process: the fingerprint of the memory layout, which
// exec(2) makes anew (address space randomisation) and which nothing else moves but
// prctl(PR_SET_MM). A new fingerprint is an exec; another file under the same fingerprint is an
// image changed without exec. Not told apart from an exec: who sets both with PR_SET_MM_MAP, as a
// checkpoint's restore does. The fingerprint shows to those alone who may trace the process, as
// does its image: without that there is neither.
//
// The files are read one after another, and an exec may come between any two; in its middle the
// name and the image are the new ones already, the fingerprint and the command line are not there
// yet. Where something changed, stat is read once more behind the rest: a record is taken only when
// all of it lies between two readings of one fingerprint.
//
// Threads:    one.
// Ownership:  borrows the procfs and the clock.
// Cost:       no allocation for a process that did not change.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/linux/cgroup/cgroup_parser.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/process_reader.h"
#include "libs/sources/process/process_record.h"

namespace daemoneye::process {

// Sets CPU and memory of `record`, read at `now_ns` of the monotonic clock, and the share of a core
// since the reading before.
void SetReadings(uint64_t cpu_ns, uint64_t rss_bytes, int64_t now_ns, ProcessRecord& record);

class RecordReader {
 public:
  RecordReader(const procfs::ProcFs& fs, base::Clock& clock)
      : fs_(fs), clock_(clock), reader_(fs) {}

  // What the following calls read.
  absl::Status Select(uint32_t pid) { return reader_.Select(static_cast<pid_t>(pid)); }
  // Selects it, too. NotFound: gone. DataLoss: not what the kernel writes.
  absl::StatusOr<procfs::ProcStat> ReadStat(uint32_t pid);

  // Fills `record`, which is empty, behind ReadStat. A process that ends meanwhile leaves
  // are_details_missing; one in the middle of an exec is_in_exec, and the Update that finds the
  // exec done tells it as one.
  void ReadNew(const procfs::ProcStat& read, bool is_enhanced, ProcessRecord& record);

  // Brings `record` up to date behind ReadStat, which gave `read` of the same process. NotFound:
  // gone meanwhile; `record` is as it was in what could not be read. Unavailable: in the middle of
  // an exec, which a later Update tells.
  absl::StatusOr<Change> Update(const procfs::ProcStat& read, bool is_enhanced,
                                ProcessRecord& record);

  // Of the process that has `pid` now; views last until the next call.
  absl::StatusOr<cgroup::CgroupMembership> ReadCgroup(uint32_t pid);

  // cgroup, container and directory.
  Change ReadDetails(bool is_enhanced, ProcessRecord& record);
  // Holds the running image against what stands at its path.
  Change UpdateFile(ProcessRecord& record);

  // Of the process that has `pid` now, at most procfs::kMaxCmdlineBytes; its bytes last until the
  // next call.
  absl::StatusOr<procfs::Cmdline> ReadCommandLine(uint32_t pid);

  // False of a kernel thread, and of a process that ends or is gone.
  bool HasMemory(uint32_t pid);

  // Sets how `record`, a zombie, ended, where that may be known.
  void ReadExit(ProcessRecord& record);

  // The running image, for its hash.
  absl::StatusOr<procfs::FileIdentity> StatImage() { return reader_.StatExe(); }

  // What stands at `path` for the process now. Unavailable: cannot be told without waiting.
  absl::StatusOr<procfs::FileIdentity> StatPathNow(std::string_view path) {
    return reader_.StatPathCached(path);
  }

  // True when the image, a memfd, was sealed by its maker against any change.
  bool IsImageSealed();

 private:
  absl::StatusOr<Change> UpdateStatus(ProcessRecord& record);
  absl::StatusOr<Change> UpdateImage(const procfs::ProcStat& stat, ProcessRecord& record);
  absl::StatusOr<Change> UpdateCommandLine(ProcessRecord& record);
  uint64_t CpuNs(const procfs::ProcStat& stat) const;
  void UpdateReadings(const procfs::ProcStat& stat, ProcessRecord& record);
  Change UpdateName(const procfs::ProcStat& stat, ProcessRecord& record);
  absl::StatusOr<procfs::ProcStat> BehindExec(const procfs::ProcStat& read);
  absl::Status WhyWithoutCommandLine();
  absl::Status CheckWhole(uint64_t layout);
  void ReadFixed(ProcessRecord& record);

  const procfs::ProcFs& fs_;
  base::Clock& clock_;
  procfs::ProcessReader reader_;
};

}  // namespace daemoneye::process
