// TaskFiller: fills a ProcessRecord from what BPF tells of a process, and finds what changed in one
// already filled.
//
// The records are those of RecordReader. An exec is told by the kernel's own count of them.
//
// Threads:    one at a time.
// Ownership:  borrows the procfs, the reader and the clock.
// Cost:       no call of the kernel, but for the first processes of a cgroup, and where an image is
//             deleted or lies in memory.
#pragma once

#include <cstdint>

#include "libs/base/clock.h"
#include "libs/linux/bpf/task_record.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/sources/process/cgroup_names.h"
#include "libs/sources/process/process_record.h"
#include "libs/sources/process/record_reader.h"

namespace daemoneye::process {

class TaskFiller {
 public:
  TaskFiller(const procfs::ProcFs& fs, RecordReader& reader, base::Clock& clock)
      : ticks_per_second_(fs.ticks_per_second()),
        reader_(reader),
        clock_(clock),
        cgroups_(reader, clock) {}

  uint64_t TicksOf(uint64_t boottime_ns) const {
    return boottime_ns / (1'000'000'000 / ticks_per_second_);
  }

  // Fills `record`, which is empty.
  void FillNew(const bpf::TaskRecord& task, bool is_enhanced, ProcessRecord& record);

  // The same of a child that has just been forked: what BPF does not read of it, it has of
  // `parent`, null when that is not known.
  void FillForked(const bpf::TaskRecord& task, const ProcessRecord* parent, bool is_enhanced,
                  ProcessRecord& record);

  // Brings `record` up to date with an exec, which it has been told by `task`.
  Change UpdateByExec(const bpf::TaskRecord& task, bool is_enhanced, ProcessRecord& record);

  // Brings `record` up to date with a scan's `task`, of the same process and not in an exec.
  Change Update(const bpf::TaskRecord& task, bool is_enhanced, ProcessRecord& record);

 private:
  Change SetIdentity(const bpf::TaskRecord& task, ProcessRecord& record);
  Change SetImage(const bpf::TaskRecord& task, ProcessRecord& record);
  Change SetTexts(const bpf::TaskRecord& task, bool is_enhanced, bool is_new_image,
                  ProcessRecord& record);
  Change SetCgroup(const bpf::TaskRecord& task, bool is_enhanced, ProcessRecord& record);
  Change SetCommandLine(const bpf::TaskRecord& task, bool is_new_image, ProcessRecord& record);
  Change SetFile(ProcessRecord& record);

  const uint64_t ticks_per_second_;
  RecordReader& reader_;
  base::Clock& clock_;
  CgroupNames cgroups_;
};

}  // namespace daemoneye::process
