// ExecutableHasher: SHA-256 of the images that run, on a thread of its own.
//
// Hashes the descriptor of /proc/PID/exe, so what runs, whatever stands at its path, as FileHasher
// does: a file that changes meanwhile has no hash, and each image is read once.
//
// Threads:    any; owns one of low priority, "process-hash", which the first request starts.
// Ownership:  borrows the procfs and the clock, which outlive it.
// Bounds:     1,024 requests, 8,192 digests; a file's size and time as configured.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "daemoneye/v1/process.pb.h"
#include "libs/base/bounded_queue.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "libs/linux/file/digest_cache.h"
#include "libs/linux/file/file_hasher.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/proc_links.h"

namespace daemoneye::process {

using file::Digest;
using file::HashLimits;

// The image of a process, as asked for and as hashed.
struct HashResult {
  uint32_t pid = 0;
  uint64_t start_ticks = 0;
  // Of the file that was opened.
  procfs::FileIdentity image;
  // AVAILABLE with the digest, UNREADABLE, OVER_BUDGET or CHANGED_WHILE_READ.
  v1::HashState state = v1::HASH_STATE_UNREADABLE;
  Digest digest;  // null unless AVAILABLE
};

class ExecutableHasher {
 public:
  ExecutableHasher(const procfs::ProcFs& fs, const HashLimits& limits, base::Clock& clock);
  ~ExecutableHasher();

  // The digest of `image` where it is known.
  Digest Find(const procfs::FileIdentity& image) { return files_.Find(image); }

  // Asks for the image of `pid`, which began at `start_ticks`. False when the queue is full.
  bool Request(uint32_t pid, uint64_t start_ticks);

  // Results since the last call, as many as there were requests.
  std::vector<HashResult> TakeResults();

  // Called on the hasher's thread when there are results after there were none; must be quick. An
  // empty function ends it: no call is under way when this returns.
  void SetOnResults(std::function<void()> on_results);

  // Hashes now, on the caller's thread.
  HashResult HashNow(uint32_t pid, uint64_t start_ticks, const std::stop_token& stop);

  // Drops what is queued and joins the thread.
  void Stop();

 private:
  struct Wanted {
    uint32_t pid;
    uint64_t start_ticks;
  };

  void Run(std::stop_token stop);
  void Deliver(HashResult result);

  const procfs::ProcFs& fs_;
  const HashLimits limits_;
  base::Clock& clock_;
  file::FileHasher files_;
  base::BoundedQueue<Wanted> queue_;

  base::Mutex mu_;
  std::vector<HashResult> results_ GUARDED_BY(mu_);
  bool is_stopped_ GUARDED_BY(mu_) = false;
  base::Mutex callback_mu_;
  std::function<void()> on_results_ GUARDED_BY(callback_mu_);
  base::Thread thread_;
};

}  // namespace daemoneye::process
