// Any text as each kind of condition: no crash, no hang, and where it compiles, no answer that
// depends on how the events are batched. The first byte says which kind.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "libs/sql/random_events.h"
#include "libs/trigger/trigger_set.h"

namespace {

using namespace daemoneye;

std::shared_ptr<const v1::Trigger> MakeTrigger(uint8_t kind, std::string text) {
  auto trigger = std::make_shared<v1::Trigger>();
  trigger->set_id("t");
  v1::TriggerCondition& condition = *trigger->mutable_condition();
  switch (kind % 5) {
    case 0:
      condition.set_sql(std::move(text));
      break;
    case 1:
      condition.set_sql(std::move(text));
      condition.mutable_window()->set_seconds(10);
      break;
    case 2:
      condition.mutable_process_name_pattern()->set_pattern(std::move(text));
      break;
    case 3:
      condition.mutable_executable_path_pattern()->set_pattern(std::move(text));
      break;
    default: {
      auto* pair = condition.mutable_suspicious_parent_child()->add_pairs();
      pair->add_parents(text);
      pair->add_children(std::move(text));
    }
  }
  return trigger;
}

// Events that match; nothing where a run failed, which is decided by time.
std::vector<const v1::CollectionEvent*> Matches(
    const std::shared_ptr<const v1::Trigger>& trigger,
    const std::vector<const v1::CollectionEvent*>& events, size_t batch, bool* is_decided) {
  std::vector<trigger::Refusal> refusals;
  const auto set = trigger::TriggerSet::Compile({&trigger, 1}, {}, &refusals);
  std::vector<const v1::CollectionEvent*> matches;
  if (set->size() == 0) return matches;
  trigger::LiveTables live;
  set->Bind(live);
  std::vector<trigger::Hit> hits;
  for (size_t at = 0; at < events.size(); at += batch) {
    set->Evaluate({&events[at], std::min(batch, events.size() - at)}, absl::InfiniteFuture(),
                  &hits);
  }
  set->EvaluateWindows(absl::FromUnixSeconds(1'700'000'011), &hits);
  for (const trigger::Hit& hit : hits) {
    if (hit.window_event == nullptr) matches.push_back(hit.event);
  }
  if (set->cost(0).errors > 0) *is_decided = false;
  return matches;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const auto* const kEvents = [] {
    auto* events = new std::vector<sql::EventPtr>;
    sql::RandomEvents random(1);
    for (int i = 0; i < 20; ++i) events->push_back(random.Next());
    return events;
  }();
  const auto trigger =
      MakeTrigger(data[0], std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  const auto events = sql::Pointers(*kEvents);
  bool is_decided = true;
  const auto together = Matches(trigger, events, events.size(), &is_decided);
  const auto alone = Matches(trigger, events, 1, &is_decided);
  if (is_decided && together != alone) std::abort();
  return 0;
}
