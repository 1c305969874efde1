// ProcessProbe: every fork, exec and exit on the machine, from the kernel, as it happens.
//
// Its programs put a record of each into one ring buffer, in the order in which they happened; what
// does not fit is counted by the kernel. For each program, at a quiet moment:
//
//   seen = sent + ignored + filtered + ring_full + unread
//
// Lifecycle:  Open; wait for fd() to be readable, Read until there is no more, Release, again and
//             again; destroyed, it detaches.
// Threads:    Read and Release by one at a time; the others from any.
// Ownership:  its programs, maps and links: all gone with it, or with the process.
// Cost:       each process pays about 1 µs a fork, 2.5 an exec, 1.5 an exit, on a busy machine with
//             v1 cgroups. A reader that lets records gather for 10 ms pays 2 µs a process for all
//             three, one that reads each at once 12, and makes the processes pay three times as
//             much (process_probe_burst_test). Read allocates only as the batch grows.
// Bounds:     the ring, mapped once and 84 KiB more; a scratch of 88 KiB a CPU in the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/linux/bpf/task_record.h"

namespace daemoneye::bpf {

struct ProcessProbeOptions {
  // A power of two, 4 KiB to 1 GiB. A record takes 312 bytes and its texts: 1 KiB a short life.
  size_t ring_bytes = 8 << 20;
  // Of each exec; at most 64 KiB, which is what ProcessReader::ReadCmdline() reads.
  size_t max_argument_bytes = 65'536;
  // Read executable and directory of each exec: about 1 µs of what it pays.
  bool reads_paths = true;
  // Pids are told as they are there; 0: that of this process.
  uint64_t pid_namespace_inode = 0;

  // Filters, in the kernel: only what meets all of them is recorded. Of a fork the child's (name:
  // its parent's), of an exec those of the new image.
  std::optional<uint32_t> uid;
  std::optional<uint64_t> cgroup_id;
  // Of the short name; at most 15 bytes.
  std::string comm_prefix;

  // For tests: does without what newer kernels have.
  bool assumes_old_kernel = false;
};

// What a program was called for since it was switched on.
struct ProgramCounters {
  uint64_t seen_count = 0;
  uint64_t sent_count = 0;
  // Threads that begin or end without their process.
  uint64_t ignored_count = 0;
  uint64_t filtered_count = 0;
  // Lost: no room in the ring; a task that could not be read.
  uint64_t ring_full_count = 0;
  uint64_t unread_count = 0;
  // Lost, and not seen: the kernel does not run a program that it finds running on the same CPU.
  uint64_t missed_count = 0;
  // Of those sent: arguments that are not all there.
  uint64_t truncated_count = 0;

  uint64_t lost_count() const { return ring_full_count + unread_count + missed_count; }
};

struct ProbeCounters {
  ProgramCounters fork;
  ProgramCounters exec;
  ProgramCounters exit;
  // Tasks that began without a fork: workers of io_uring and vhost, idle tasks of CPUs.
  uint64_t unforked_count = 0;

  // What `processes` of /proc/stat grows by while the probe sees all.
  uint64_t task_count() const { return fork.seen_count + fork.missed_count + unforked_count; }
};

// How many events have no record.
struct ProbeLoss {
  uint64_t fork_count = 0;
  uint64_t exec_count = 0;
  uint64_t exit_count = 0;

  bool any() const { return fork_count + exec_count + exit_count != 0; }
  friend bool operator==(const ProbeLoss&, const ProbeLoss&) = default;
};

struct ProbeBatch {
  // In the order in which the events happened. Views last until the next Read.
  std::vector<ProbeRecord> records;
  // Lost since the batch before, for want of room or unread; without those that the kernel missed.
  // Some of it may have happened after records that are still in the ring.
  ProbeLoss lost;
  // The ring may hold more.
  bool has_more = false;
  // Records that did not parse: a bug.
  uint64_t malformed_count = 0;
};

class ProcessProbe {
 public:
  // Loads and attaches, and switches on when all of it is there. PermissionDenied, Unimplemented:
  // see BpfSupport::Check(), or the kernel refused to load them and why. ResourceExhausted: memory
  // (RLIMIT_MEMLOCK before 5.11) or descriptors. InvalidArgument: the options, naming the field.
  static absl::StatusOr<std::unique_ptr<ProcessProbe>> Open(const ProcessProbeOptions& options);
  ~ProcessProbe();
  ProcessProbe(const ProcessProbe&) = delete;
  ProcessProbe& operator=(const ProcessProbe&) = delete;

  // For poll(2) and epoll(7), level-triggered: readable while the ring holds what was not given
  // back. So Release before waiting, or it is readable at once.
  int fd() const;

  // Gives the records of the last batch back to the kernel, and replaces the content of `batch`,
  // reusing its memory, by at most `max_records` that follow. Never blocks.
  void Read(size_t max_records, ProbeBatch& batch);
  // Gives the records of the last batch back to the kernel; `batch` is empty then. From here on the
  // kernel wakes who waits at fd() for the next record, once: a reader that paces itself is not
  // woken in between.
  void Release(ProbeBatch& batch);

  // Bytes of the ring in use.
  uint64_t waiting_bytes() const;

  // Three calls of the kernel, for what it missed.
  ProbeCounters ReadCounters() const;

  // OK, or Unavailable: somebody closed a link or switched the programs off, so nothing is seen.
  absl::Status Check() const;
  // The switch is a map of its own, which others can reach, too: `bpftool map update name
  // .data.switch key 0 0 0 0 value 0 0 0 0`.
  void SwitchOn(bool is_on);

 private:
  struct Impl;
  explicit ProcessProbe(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace daemoneye::bpf
