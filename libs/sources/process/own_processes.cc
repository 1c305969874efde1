#include "libs/sources/process/own_processes.h"

#include "libs/linux/procfs/process_reader.h"

namespace daemoneye::process {
namespace {

constexpr size_t kMaxProcesses = 1024;

}  // namespace

void OwnProcesses::Add(const procfs::ProcFs& fs, uint32_t pid) {
  procfs::ProcessReader reader(fs);
  if (!reader.Select(static_cast<pid_t>(pid)).ok()) return;
  const auto stat = reader.ReadStat();
  if (!stat.ok()) return;
  base::MutexLock lock(mu_);
  processes_.emplace_back(pid, stat->start_ticks);
  if (processes_.size() > kMaxProcesses) processes_.pop_front();
}

bool OwnProcesses::Contains(uint32_t pid, uint64_t start_ticks) const {
  base::MutexLock lock(mu_);
  // They began in this order, and who is asked for is mostly younger than all of them.
  for (auto at = processes_.rbegin(); at != processes_.rend(); ++at) {
    if (at->second < start_ticks) return false;
    if (*at == std::pair(pid, start_ticks)) return true;
  }
  return false;
}

}  // namespace daemoneye::process
