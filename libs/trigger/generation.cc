#include "libs/trigger/generation.h"

#include <fmt/format.h>

#include <set>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/trigger/trigger_check.h"

namespace daemoneye::trigger {

std::vector<Refusal> CheckDefinitions(const Definitions& definitions, size_t max_triggers) {
  std::vector<Refusal> refusals;
  if (definitions.triggers.size() > max_triggers) {
    refusals.push_back({"", {Problem("triggers", fmt::format("more than {}", max_triggers))}});
    return refusals;
  }
  std::set<std::string_view> ids;
  for (const v1::Trigger& trigger : definitions.triggers) {
    std::vector<v1::TriggerProblem> problems = CheckTrigger(trigger, /*needs_id=*/true);
    if (!ids.insert(trigger.id()).second) problems.push_back(Problem("id", "is taken"));
    if (!problems.empty()) refusals.push_back({trigger.id(), std::move(problems)});
  }
  return refusals;
}

std::string Fingerprint(const v1::Trigger& trigger) {
  v1::Trigger relevant;
  *relevant.mutable_condition() = trigger.condition();
  *relevant.mutable_exceptions() = trigger.exceptions();
  relevant.set_include_own(trigger.include_own());
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    relevant.SerializeToCodedStream(&coded);
  }
  return bytes;
}

bool CutOffWatch::Exceeds(uint64_t total, base::Monotonic now, int max_in_a_minute) {
  if (total < last_total_) last_total_ = 0;  // of a new set
  if (total > last_total_) {
    seen_.emplace_back(now, total - last_total_);
    last_total_ = total;
  } else if (seen_.empty()) {
    return false;
  }
  while (!seen_.empty() && base::Elapsed(seen_.front().first, now) > absl::Minutes(1)) {
    seen_.pop_front();
  }
  uint64_t sum = 0;
  for (const auto& [time, count] : seen_) sum += count;
  return sum >= static_cast<uint64_t>(max_in_a_minute);
}

std::string SuspensionReason(int max_cut_offs, const std::string& last_error) {
  return fmt::format("cut off {} times within a minute: {}", max_cut_offs, last_error);
}

}  // namespace daemoneye::trigger
