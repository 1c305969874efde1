#include "libs/sources/process/suspicion_watch.h"

#include <unistd.h>

#include <utility>

namespace daemoneye::process {
namespace {

constexpr int kMaxRuntimeDepth = 4;
constexpr size_t kMaxReplacedPaths = 1024;

// Rules about the image, which start anew with another one.
constexpr uint16_t kStartRules = (1 << static_cast<int>(Rule::kStartInFuture)) |
                                 (1 << static_cast<int>(Rule::kStartInconsistent));

uint32_t OwnMountNamespace(const procfs::ProcFs& fs) {
  procfs::ProcessReader reader(fs);
  if (!reader.Select(::getpid()).ok()) return 0;
  const auto inodes = reader.ReadNamespaces();
  return inodes.ok() && inodes->mnt.has_value() ? static_cast<uint32_t>(*inodes->mnt) : 0;
}

}  // namespace

SuspicionWatch::SuspicionWatch(const procfs::ProcFs& fs, const ProcessTable& table,
                               RecordReader& reader, PackageDatabase packages, base::Clock& clock)
    : fs_(fs),
      table_(table),
      reader_(reader),
      clock_(clock),
      packages_(std::move(packages)),
      own_mounts_(fs.is_live() ? OwnMountNamespace(fs) : 0) {}

void SuspicionWatch::BeginScan(uint32_t scan, uint64_t now_ticks) {
  scan_ = scan;
  now_ticks_ = now_ticks;
}

std::vector<Suspicion> SuspicionWatch::Check(const ProcessFacts* previous, ProcessRecord& record) {
  if (record.is_kernel_thread || record.is_own || record.are_details_missing) return {};
  const ProcessFacts current = FactsOf(record);
  if (previous != nullptr && !previous->image.is_same_file(current.image)) {
    record.rules_reported &= kStartRules;
  }
  std::vector<Suspicion> found = CheckAll(previous, current, ContextOf(previous, record));
  std::erase_if(found, [&](const Suspicion& suspicion) {
    const auto bit = static_cast<uint16_t>(1 << static_cast<int>(suspicion.rule));
    if ((record.rules_reported & bit) != 0) return true;
    record.rules_reported |= bit;
    return suspicion.rule == Rule::kExecutableReplaced && suspicion.severity == v1::SEVERITY_LOW &&
           WasReportedToday(std::string(current.executable));
  });
  return found;
}

RuleContext SuspicionWatch::ContextOf(const ProcessFacts* previous, const ProcessRecord& record) {
  RuleContext context{.now_ticks = now_ticks_, .ticks_per_second = fs_.ticks_per_second()};
  const ProcessTable::Entry* parent = table_.Find(record.ppid);
  if (parent != nullptr && parent->record != nullptr && previous != nullptr &&
      parent->record->first_scan < scan_ && parent->listed_scan == scan_) {
    context.parent_start_ticks = parent->start_ticks;
  }
  if (record.is_memfd) {
    context.has_runtime_parent = HasRuntimeParent(record);
    context.is_sealed_child_of_init =
        record.ppid == 1 && record.uid == 0 && reader_.IsImageSealed();
  }
  const bool has_our_mounts = own_mounts_ != 0 && record.namespaces.mnt == own_mounts_;
  if (record.is_mismatched && has_our_mounts) {
    const std::string_view path = record.texts.Get(Text::kExecutable);
    const auto file = reader_.StatPathNow(path);
    context.is_from_package = file.ok() && packages_.Placed(path, *file);
    context.is_package_manager_busy = !context.is_from_package && packages_.IsBusy();
  }
  return context;
}

bool SuspicionWatch::HasRuntimeParent(const ProcessRecord& record) const {
  uint32_t pid = record.ppid;
  for (int depth = 0; depth < kMaxRuntimeDepth && pid != 0; ++depth) {
    const ProcessTable::Entry* parent = table_.Find(pid);
    if (parent == nullptr || parent->record == nullptr) return false;
    if (IsContainerRuntime(parent->record->texts.Get(Text::kExecutable))) return true;
    if (!parent->record->is_memfd) return false;  // a runtime's own copy in memory
    pid = parent->record->ppid;
  }
  return false;
}

bool SuspicionWatch::WasReportedToday(const std::string& path) {
  const int64_t day = absl::ToUnixSeconds(clock_.Now()) / 86'400;
  if (replaced_.size() >= kMaxReplacedPaths) {
    absl::erase_if(replaced_, [&](const auto& entry) { return entry.second != day; });
    if (replaced_.size() >= kMaxReplacedPaths) replaced_.clear();
  }
  int64_t& reported = replaced_[path];
  return std::exchange(reported, day) == day;
}

}  // namespace daemoneye::process
