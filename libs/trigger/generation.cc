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

}  // namespace daemoneye::trigger
