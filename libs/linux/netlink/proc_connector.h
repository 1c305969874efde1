// ProcConnector: forks, execs and exits of every task on the machine, told by the kernel's process
// events connector (netlink; linux/cn_proc.h).
//
// It tells pids and little more, and what a full receive buffer has no room for is lost: the kernel
// counts it, and it is told with the batch.
//
// Only in the initial pid and network namespaces, before some version also the user's: elsewhere
// the kernel ignores a subscription and says nothing. So Open makes an event of its own, of the
// calling thread's name set to what it is, and believes in the subscription when that has come.
//
// Lifecycle:  Open; wait for fd() to be readable; Read until there is no more, again and again.
// Threads:    one at a time; counters() is of the last Read.
// Ownership:  its socket.
// Cost:       one call of the kernel for 64 messages, and one more a Read; no allocation once the
//             batch has grown.
// Bounds:     the socket's receive buffer, of which a message takes some 800 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/netlink/proc_event.h"

namespace daemoneye::netlink {

struct ProcConnectorOptions {
  // Without CAP_NET_ADMIN no more than net.core.rmem_max.
  size_t receive_buffer_bytes = 8 << 20;
  // Of MaskOf(); kName comes in any case. With all of them the messages that came are counted, too:
  // see ProcConnectorCounters.
  uint32_t kinds = MaskOf(ProcEventKind::kFork) | MaskOf(ProcEventKind::kExec) |
                   MaskOf(ProcEventKind::kExit) | MaskOf(ProcEventKind::kUser) |
                   MaskOf(ProcEventKind::kName);

  // For tests: does without the kernel's mask (6.6), by a filter at the socket.
  bool assumes_old_kernel = false;
};

struct ProcConnectorCounters {
  // Those of other kinds, and what others sent, included.
  uint64_t received_count = 0;
  // No room in the receive buffer: by the kernel's account of the socket.
  uint64_t dropped_count = 0;
  // How often reading said so (ENOBUFS).
  uint64_t overrun_count = 0;
  // Missing in the sequence of a CPU's messages; only where all kinds are asked for.
  uint64_t gap_count = 0;
  // Not sent by the kernel: not believed.
  uint64_t foreign_count = 0;
  uint64_t malformed_count = 0;
};

struct ProcEventBatch {
  // Of one CPU in the order in which they happened.
  std::vector<ProcEvent> events;
  // Messages lost since the batch before, of whichever kind.
  uint64_t lost_count = 0;
  // There may be more to read.
  bool has_more = false;
};

class ProcConnector {
 public:
  // PermissionDenied: before 6.6 it needs CAP_NET_ADMIN. Unimplemented: the kernel has no
  // connector, or not for these namespaces.
  static absl::StatusOr<std::unique_ptr<ProcConnector>> Open(const ProcConnectorOptions& options);
  ~ProcConnector();
  ProcConnector(const ProcConnector&) = delete;
  ProcConnector& operator=(const ProcConnector&) = delete;

  // For poll(2) and epoll(7), level-triggered.
  int fd() const { return socket_.get(); }

  // Replaces the content of `batch` by what follows, some more than `max_events` at most. Never
  // blocks. Unavailable: the socket cannot be read any more.
  absl::Status Read(size_t max_events, ProcEventBatch& batch);

  // What the kernel gave of the size that was asked for.
  size_t receive_buffer_bytes() const;
  // The kernel itself keeps back what was not asked for.
  bool has_kernel_mask() const { return has_kernel_mask_; }
  const ProcConnectorCounters& counters() const { return counters_; }

 private:
  explicit ProcConnector(base::UniqueFd socket);

  absl::Status Bind(size_t receive_buffer_bytes);
  absl::Status Subscribe(uint32_t kinds, bool has_kernel_mask);
  absl::Status Send(const void* operation, size_t bytes);
  // True when an event that this call makes comes back.
  absl::StatusOr<bool> Prove();
  void Take(const void* datagram, size_t bytes, ProcEventBatch& batch);
  void NoteSequence(uint32_t cpu, uint32_t sequence);
  // Returns how many were lost since it was last asked.
  uint64_t TakeLost();

  struct Slots;

  base::UniqueFd socket_;
  const std::unique_ptr<Slots> slots_;
  uint32_t kinds_ = 0;
  bool has_kernel_mask_ = false;
  bool counts_gaps_ = false;
  ProcConnectorCounters counters_;
  uint64_t told_lost_ = 0;
  // What each CPU's next message should have, one more than it; 0: none came yet.
  std::vector<uint64_t> next_sequences_;
};

}  // namespace daemoneye::netlink
