#include "libs/sources/process/process_task_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "libs/base/status_macros.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/sources/process/process_table.h"
#include "libs/sources/process/record_event.h"
#include "libs/sources/process/record_reader.h"

namespace daemoneye::process {
namespace {

// As scans are named, which read the same.
constexpr std::string_view kTaskSourceName = "process-scan";

// One reading of all processes, and the answers from it.
class Reading {
 public:
  Reading(const procfs::ProcFs& fs, const ProcessSourceConfig& config, base::Clock& clock)
      : fs_(fs),
        config_(config),
        reader_(fs, clock),
        table_(config.max_tracked_processes, config.max_tracked_bytes),
        builder_(fs, table_, counts_, clock, kTaskSourceName) {
    builder_.SetOptions({.is_enhanced = config.collect_enhanced_metadata,
                         .has_redaction = config.redact_command_lines});
  }

  absl::Status ReadAll(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(procfs::PidLister lister, procfs::PidLister::Create(fs_));
    ASSIGN_OR_RETURN(const absl::Time boot_time, fs_.BootTime());
    builder_.SetBootTime(boot_time);
    RETURN_IF_ERROR(lister.List(pids_));
    for (const pid_t pid : pids_) {
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      Read(static_cast<uint32_t>(pid));
    }
    return absl::OkStatus();
  }

  // The selected, in the order of their pids.
  std::vector<uint32_t> Select(const collector::TaskHandler::Selects& selects,
                               const std::stop_token& stop) {
    std::vector<uint32_t> selected;
    for (const pid_t pid : pids_) {
      if (stop.stop_requested()) break;
      const ProcessRecord* record = Find(static_cast<uint32_t>(pid));
      if (record == nullptr) continue;
      event::Event event = Build(*record);
      if (selects(event)) selected.push_back(record->pid);
    }
    return selected;
  }

  // `pids` and all their descendants. A parent may have any pid, so it goes on until none is added.
  std::vector<uint32_t> WithDescendants(const std::vector<uint32_t>& pids) const {
    absl::flat_hash_set<uint32_t> tree(pids.begin(), pids.end());
    for (size_t before = 0; before != tree.size();) {
      before = tree.size();
      for (const pid_t pid : pids_) {
        const ProcessRecord* record = Find(static_cast<uint32_t>(pid));
        if (record != nullptr && tree.contains(record->ppid)) tree.insert(record->pid);
      }
    }
    std::vector<uint32_t> sorted(tree.begin(), tree.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  // `pids` and all their ancestors, up to the first process.
  std::vector<uint32_t> WithAncestors(const std::vector<uint32_t>& pids) const {
    absl::flat_hash_set<uint32_t> all(pids.begin(), pids.end());
    for (const uint32_t pid : pids) {
      for (const ProcessRecord* record = Find(pid); record != nullptr;) {
        record = Find(record->ppid);
        if (record == nullptr || !all.insert(record->pid).second) break;
      }
    }
    std::vector<uint32_t> sorted(all.begin(), all.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  const ProcessRecord* Find(uint32_t pid) const {
    const ProcessTable::Entry* entry = table_.Find(pid);
    return entry == nullptr ? nullptr : entry->record.get();
  }

  event::Event Build(const ProcessRecord& record) {
    event::EventList events;
    return std::move(builder_.Add(record, v1::PROCESS_ACTION_SNAPSHOT, events));
  }

  // Says what is missing of an answer about `pids`. What could not be read at all might have been
  // one of them.
  void Report(const std::vector<uint32_t>& pids, v1::Completeness& completeness) const {
    const auto inaccessible = std::count_if(
        pids.begin(), pids.end(), [this](uint32_t pid) { return IsInaccessible(*Find(pid)); });
    const auto missing = [&](uint64_t count, std::string_view what) {
      if (count != 0) completeness.add_reasons(fmt::format("{} {}", count, what));
    };
    missing(unreadable_, "processes could not be read");
    missing(static_cast<uint64_t>(inaccessible), "processes' executables may not be looked at");
    missing(left_out_, "processes are beyond max_tracked_processes or max_tracked_bytes");
  }

 private:
  static bool IsInaccessible(const ProcessRecord& record) {
    const bool has_image = !record.is_kernel_thread && !record.is_zombie;
    return has_image && !record.are_details_missing && !record.is_accessible;
  }

  void Read(uint32_t pid) {
    const auto stat = reader_.ReadStat(pid);
    if (!stat.ok()) {
      if (!absl::IsNotFound(stat.status())) ++unreadable_;
      return;
    }
    if (!table_.HasRoom()) {
      ++left_out_;
      return;
    }
    auto record = std::make_unique<ProcessRecord>();
    reader_.ReadNew(*stat, config_.collect_enhanced_metadata, *record);
    table_.Add(std::move(record));
  }

  const procfs::ProcFs& fs_;
  const ProcessSourceConfig& config_;
  RecordReader reader_;
  ProcessTable table_;
  TextCounts counts_;
  RecordEventBuilder builder_;
  std::vector<pid_t> pids_;
  uint64_t unreadable_ = 0;
  uint64_t left_out_ = 0;
};

// False when the image could not be hashed.
bool SetHash(ExecutableHasher& hasher, const ProcessRecord& record, const std::stop_token& stop,
             event::Event& event) {
  const HashResult result = hasher.HashNow(record.pid, record.start_ticks, stop);
  event.mutable_process()->set_hash_state(result.state);
  if (result.digest == nullptr) return false;
  event.mutable_process()->set_executable_hash(*result.digest);
  event.mutable_process()->set_hash_algorithm("sha256");
  return true;
}

}  // namespace

ProcessTaskHandler::ProcessTaskHandler(const procfs::ProcFs& fs, const ProcessSourceConfig& config,
                                       ExecutableHasher& hasher, base::Clock& clock)
    : fs_(fs), config_(config), hasher_(hasher), clock_(clock) {}

std::vector<v1::TaskType> ProcessTaskHandler::types() const {
  return {v1::TASK_TYPE_ENUMERATE_PROCESSES, v1::TASK_TYPE_CHECK_PROCESS_HASH,
          v1::TASK_TYPE_MONITOR_PROCESS_TREE, v1::TASK_TYPE_VERIFY_EXECUTABLE};
}

absl::Status ProcessTaskHandler::Run(v1::TaskType type, const Selects& selects,
                                     std::stop_token stop, const Emit& emit,
                                     v1::Completeness* completeness) {
  const std::vector<v1::TaskType> taken = types();
  if (std::find(taken.begin(), taken.end(), type) == taken.end()) {
    return absl::InvalidArgumentError(
        fmt::format("task_type: {} is not about processes", v1::TaskType_Name(type)));
  }
  Reading reading(fs_, config_, clock_);
  RETURN_IF_ERROR(reading.ReadAll(stop));
  std::vector<uint32_t> pids = reading.Select(selects, stop);
  if (type == v1::TASK_TYPE_MONITOR_PROCESS_TREE) {
    std::vector<uint32_t> tree = reading.WithAncestors(pids);
    const std::vector<uint32_t> below = reading.WithDescendants(pids);
    tree.insert(tree.end(), below.begin(), below.end());
    std::sort(tree.begin(), tree.end());
    tree.erase(std::unique(tree.begin(), tree.end()), tree.end());
    pids = std::move(tree);
  }

  const bool has_hash =
      type == v1::TASK_TYPE_CHECK_PROCESS_HASH || type == v1::TASK_TYPE_VERIFY_EXECUTABLE;
  uint64_t not_hashed = 0;
  for (const uint32_t pid : pids) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const ProcessRecord& record = *reading.Find(pid);
    const bool has_image = record.image.is_known();
    if (type == v1::TASK_TYPE_VERIFY_EXECUTABLE && !has_image) continue;
    event::Event event = reading.Build(record);
    if (has_hash && has_image && !SetHash(hasher_, record, stop, event)) ++not_hashed;
    if (!emit(std::move(event))) return absl::CancelledError("the caller has gone");
  }
  reading.Report(pids, *completeness);
  if (not_hashed != 0) {
    completeness->add_reasons(fmt::format("{} executables could not be hashed", not_hashed));
  }
  completeness->set_complete(completeness->reasons().empty());
  return absl::OkStatus();
}

}  // namespace daemoneye::process
