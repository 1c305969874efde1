// TaskReader: a full scan of the processes of this pid namespace, by the kernel's task iterator.
//
// What ProcessReader reads from some files a process, in one read of many processes. A scan sees
// each process at another moment, as one of /proc does.
//
// Lifecycle:  Open; Begin and Next until it returns nothing, again and again.
// Threads:    one at a time.
// Ownership:  its programs and maps; a buffer of 64 KiB.
// Cost:       of 3,000 processes 1/19 of the CPU of ps without arguments, 1/10 with
// (bpf_benchmark).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/bpf/task_record.h"

namespace daemoneye::bpf {

struct TaskReaderOptions {
  // At most 16 KiB: a record must fit into one read. Of longer ones ProcessReader::ReadCmdline()
  // has more.
  size_t max_argument_bytes = 16'384;
  // Read executables and directories.
  bool reads_paths = true;
  // For tests: does without what newer kernels have.
  bool assumes_old_kernel = false;
};

class TaskReader {
 public:
  // Fails as ProcessProbe::Open().
  static absl::StatusOr<std::unique_ptr<TaskReader>> Open(const TaskReaderOptions& options = {});
  ~TaskReader();
  TaskReader(const TaskReader&) = delete;
  TaskReader& operator=(const TaskReader&) = delete;

  // Begins a scan, and ends the one before. With arguments it may wait for pages of the processes
  // to be read in.
  enum class Arguments { kNone, kRead };
  absl::Status Begin(Arguments arguments);

  // The next process, or nullptr at the end. It and its views last until the next call. DataLoss,
  // or as the kernel fails: the scan is over.
  absl::StatusOr<const TaskRecord*> Next();

 private:
  struct Programs;
  explicit TaskReader(std::unique_ptr<Programs> programs);

  std::unique_ptr<Programs> programs_;
  base::UniqueFd scan_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  TaskRecord record_;
};

}  // namespace daemoneye::bpf
