#include "libs/sources/process/process_tracker.h"

#include <algorithm>

#include "libs/base/status_macros.h"

namespace daemoneye::process {
namespace {

// More than these are only found out at once when all of their records were lost.
constexpr size_t kMaxStopped = 65'536;

}  // namespace

ProcessTracker::ProcessTracker(const procfs::ProcFs& proc_fs,
                               const ProcessSourceConfig& source_config,
                               ExecutableHasher& executable_hasher, base::Clock& a_clock,
                               PackageDatabase packages)
    : fs(proc_fs),
      hasher(executable_hasher),
      clock(a_clock),
      live(a_clock),
      config(source_config),
      reader(proc_fs, a_clock),
      filler(proc_fs, reader, a_clock),
      table(source_config.max_tracked_processes, source_config.max_tracked_bytes),
      watch(proc_fs, table, reader, std::move(packages), a_clock) {}

void ProcessTracker::SetConfig(const ProcessSourceConfig& source_config) {
  config = source_config;
  table.SetBounds(config.max_tracked_processes, config.max_tracked_bytes);
}

absl::StatusOr<uint32_t> ProcessTracker::SpawnOwn(
    const std::function<absl::StatusOr<uint32_t>()>& spawn) {
  base::MutexLock lock(mu);
  ASSIGN_OR_RETURN(const uint32_t pid, spawn());
  own.Add(fs, pid);
  return pid;
}

bool ProcessTracker::IsHashMissing(const ProcessRecord& record) const {
  const bool has_files = !record.is_kernel_thread && !record.is_zombie;
  return record.is_hash_wanted ||
         (config.compute_executable_hashes && record.hash_state == 0 && has_files);
}

bool ProcessTracker::RequestHash(ProcessRecord& record) {
  record.digest = nullptr;
  record.is_hash_wanted = false;
  record.hash_state = v1::HASH_STATE_UNSPECIFIED;
  if (!config.compute_executable_hashes || record.is_kernel_thread || record.is_zombie) {
    return false;
  }
  if (!record.image.is_known()) {
    if (!record.is_accessible) record.hash_state = v1::HASH_STATE_UNREADABLE;
    return false;
  }
  if (!reader.Select(record.pid).ok()) return false;
  const auto image = reader.StatImage();
  if (image.ok()) record.digest = hasher.Find(*image);
  if (record.digest != nullptr) {
    record.hash_state = v1::HASH_STATE_AVAILABLE;
    return true;
  }
  record.hash_state = v1::HASH_STATE_PENDING;
  record.is_hash_wanted = !hasher.Request(record.pid, record.start_ticks);
  if (record.is_hash_wanted) ++hashes_deferred;
  return false;
}

void ProcessTracker::NoteStopped(uint32_t pid, uint64_t start_ticks) {
  if (stopped_.size() >= kMaxStopped) stopped_.clear();
  stopped_.emplace(pid, start_ticks);
}

bool ProcessTracker::WasStopped(uint32_t pid, uint64_t start_ticks) const {
  return !stopped_.empty() && stopped_.contains(std::pair(pid, start_ticks));
}

void ProcessTracker::BeginNotingEnds() {
  ended_.clear();
  is_noting_ends_ = true;
}

void ProcessTracker::EndNotingEnds() {
  ended_.clear();
  is_noting_ends_ = false;
}

void ProcessTracker::NoteEnded(uint32_t pid, uint64_t start_ticks) {
  if (!is_noting_ends_) return;
  if (ended_.size() >= kMaxStopped) ended_.clear();
  ended_.emplace(pid, start_ticks);
}

bool ProcessTracker::HasEnded(uint32_t pid, uint64_t start_ticks) const {
  return !ended_.empty() && ended_.contains(std::pair(pid, start_ticks));
}

absl::StatusOr<uint64_t> ProcessTracker::NowTicks() const {
  ASSIGN_OR_RETURN(const absl::Time boot_time, fs.BootTime());
  const double seconds = absl::ToDoubleSeconds(clock.Now() - boot_time);
  return static_cast<uint64_t>(std::max(0.0, seconds) * static_cast<double>(fs.ticks_per_second()));
}

}  // namespace daemoneye::process
