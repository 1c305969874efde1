#include "libs/sources/process/cgroup_names.h"

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace daemoneye::process {
namespace {

constexpr size_t kMaxCgroups = 4096;
constexpr absl::Duration kMaxAge = absl::Minutes(5);

Change SetTexts(std::string_view path, std::string_view container, std::string_view pod,
                ProcessRecord& record) {
  Change changes = Change::kNone;
  if (record.texts.Set(Text::kContainer, container)) changes |= Change::kContainer;
  record.texts.Set(Text::kPod, pod);
  if (record.texts.Set(Text::kCgroup, path)) changes |= Change::kCgroup;
  return changes;
}

}  // namespace

const CgroupNames::Names* CgroupNames::FindConfirmed(uint64_t key) const {
  const auto found = names_.find(key);
  if (found == names_.end() || !found->second.is_confirmed) return nullptr;
  const bool is_old = base::Elapsed(found->second.read, clock_.MonotonicNow()) >= kMaxAge;
  return is_old ? nullptr : &found->second;
}

void CgroupNames::Keep(uint64_t key, std::string_view path, std::string_view container,
                       std::string_view pod) {
  if (names_.size() >= kMaxCgroups) names_.clear();
  const auto [entry, is_new] = names_.try_emplace(key);
  Names& names = entry->second;
  const bool agrees =
      !is_new && names.path == path && names.container == container && names.pod == pod;
  if (!agrees) names = {std::string(path), std::string(container), std::string(pod)};
  names.is_confirmed = agrees;
  names.read = clock_.MonotonicNow();
}

bool CgroupNames::Set(uint64_t key, bool is_enhanced, ProcessRecord& record, Change* changes) {
  if (const Names* names = FindConfirmed(key)) {
    *changes |= SetTexts(is_enhanced ? std::string_view(names->path) : std::string_view(),
                         names->container, names->pod, record);
    record.cgroup_key = key;
    return true;
  }
  const auto read = reader_.ReadCgroup(record.pid);
  if (!read.ok()) return !absl::IsNotFound(read.status());
  *changes |= SetTexts(is_enhanced ? read->path : std::string_view(), read->container_id,
                       read->pod_uid, record);
  record.cgroup_key = key;
  Keep(key, read->path, read->container_id, read->pod_uid);
  return true;
}

}  // namespace daemoneye::process
