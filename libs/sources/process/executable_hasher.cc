#include "libs/sources/process/executable_hasher.h"

#include <utility>

#include "libs/base/thread_priority.h"
#include "libs/linux/procfs/process_reader.h"

namespace daemoneye::process {
namespace {

using base::operator+;

constexpr size_t kMaxRequests = 1024;
constexpr size_t kMaxDigests = 8192;
constexpr absl::Duration kIdleWait = absl::Hours(1);

v1::HashState StateOf(file::HashOutcome outcome) {
  switch (outcome) {
    case file::HashOutcome::kHashed:
      return v1::HASH_STATE_AVAILABLE;
    case file::HashOutcome::kTooLarge:
    case file::HashOutcome::kTooSlow:
      return v1::HASH_STATE_OVER_BUDGET;
    case file::HashOutcome::kChanged:
      return v1::HASH_STATE_CHANGED_WHILE_READ;
    case file::HashOutcome::kStopped:
    case file::HashOutcome::kUnreadable:
      return v1::HASH_STATE_UNREADABLE;
  }
  return v1::HASH_STATE_UNREADABLE;
}

}  // namespace

ExecutableHasher::ExecutableHasher(const procfs::ProcFs& fs, const HashLimits& limits,
                                   base::Clock& clock)
    : fs_(fs),
      limits_(limits),
      clock_(clock),
      files_(kMaxDigests, clock),
      queue_(kMaxRequests, clock) {}

ExecutableHasher::~ExecutableHasher() { Stop(); }

bool ExecutableHasher::Request(uint32_t pid, uint64_t start_ticks) {
  Wanted wanted{pid, start_ticks};
  if (!queue_.TryPush(wanted)) return false;
  base::MutexLock lock(mu_);
  if (!is_stopped_ && !thread_.joinable()) {
    thread_ = base::Thread("process-hash", [this](std::stop_token stop) { Run(std::move(stop)); });
  }
  return true;
}

void ExecutableHasher::Run(std::stop_token stop) {
  base::LowerThreadPriority();
  while (!stop.stop_requested()) {
    const auto wanted = queue_.PopBefore(clock_.MonotonicNow() + kIdleWait);
    if (wanted.has_value() && !stop.stop_requested()) {
      Deliver(HashNow(wanted->pid, wanted->start_ticks, stop));
    }
    if (!wanted.has_value() && queue_.closed()) return;
  }
}

void ExecutableHasher::Deliver(HashResult result) {
  {
    base::MutexLock lock(mu_);
    results_.push_back(std::move(result));
    if (results_.size() != 1) return;
  }
  base::MutexLock lock(callback_mu_);
  if (on_results_) on_results_();
}

std::vector<HashResult> ExecutableHasher::TakeResults() {
  base::MutexLock lock(mu_);
  return std::exchange(results_, {});
}

void ExecutableHasher::SetOnResults(std::function<void()> on_results) {
  base::MutexLock lock(callback_mu_);
  on_results_ = std::move(on_results);
}

HashResult ExecutableHasher::HashNow(uint32_t pid, uint64_t start_ticks,
                                     const std::stop_token& stop) {
  HashResult result{.pid = pid, .start_ticks = start_ticks};
  procfs::ProcessReader reader(fs_);
  if (!reader.Select(static_cast<pid_t>(pid)).ok()) return result;
  const auto stat = reader.ReadStat();
  if (!stat.ok() || stat->start_ticks != start_ticks) return result;
  const auto image = reader.OpenExe();
  if (!image.ok()) return result;
  const file::FileHash hash = files_.Hash(image->fd, limits_, stop);
  result.image = hash.identity;
  result.digest = hash.digest;
  result.state = StateOf(hash.outcome);
  return result;
}

void ExecutableHasher::Stop() {
  {
    base::MutexLock lock(mu_);
    is_stopped_ = true;
  }
  thread_.RequestStop();
  queue_.Close();
  thread_.StopAndJoin();
}

}  // namespace daemoneye::process
