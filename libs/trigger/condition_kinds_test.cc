// Each built-in kind of condition, evaluated: what it matches, and what it leaves.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "libs/trigger/live_tables.h"
#include "libs/trigger/trigger_set.h"

namespace daemoneye::trigger {
namespace {

v1::CollectionEvent Event(const std::function<void(v1::ProcessEvent&)>& set) {
  v1::CollectionEvent event;
  event.mutable_origin()->set_host("h");
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(v1::PROCESS_ACTION_START);
  process.set_process_key("k");
  process.set_first_image(true);
  set(process);
  return event;
}

v1::CollectionEvent Named(const std::string& name, const std::string& path = "") {
  return Event([&](v1::ProcessEvent& p) {
    p.set_name(name);
    if (!path.empty()) p.set_executable_path(path);
  });
}

v1::CollectionEvent Child(const std::string& parent, const std::string& name) {
  return Event([&](v1::ProcessEvent& p) {
    p.set_name(name);
    p.set_parent_name(parent);
  });
}

v1::CollectionEvent Hashed(const std::string& hash, const std::string& container = "") {
  return Event([&](v1::ProcessEvent& p) {
    p.set_executable_path("/opt/x");
    p.set_executable_hash(hash);
    p.set_hash_algorithm("sha256");
    if (!container.empty()) p.set_container_id(container);
  });
}

v1::CollectionEvent As(v1::ProcessAction action, v1::CollectionEvent event) {
  event.mutable_process()->set_action(action);
  return event;
}

v1::CollectionEvent NotFirst(v1::CollectionEvent event) {
  event.mutable_process()->set_first_image(false);
  return event;
}

v1::CollectionEvent Own(v1::CollectionEvent event) {
  event.mutable_process()->set_own(true);
  return event;
}

v1::CollectionEvent File(bool exists, bool is_mismatched) {
  return As(v1::PROCESS_ACTION_MODIFIED, Event([&](v1::ProcessEvent& p) {
              p.set_file_exists(exists);
              p.set_on_disk_mismatch(is_mismatched);
            }));
}

v1::CollectionEvent Using(double cpu, uint64_t memory) {
  return As(v1::PROCESS_ACTION_SAMPLE, Event([&](v1::ProcessEvent& p) {
              p.set_cpu_usage_percent(cpu);
              p.set_memory_usage_bytes(memory);
            }));
}

// The places of `events` that the condition matches, one after the other.
std::vector<size_t> Matches(const v1::TriggerCondition& condition,
                            const std::vector<v1::CollectionEvent>& events) {
  auto trigger = std::make_shared<v1::Trigger>();
  trigger->set_id("t");
  *trigger->mutable_condition() = condition;
  std::vector<Refusal> refusals;
  const std::vector<std::shared_ptr<const v1::Trigger>> triggers = {trigger};
  const auto set = TriggerSet::Compile(triggers, {}, &refusals);
  for (const Refusal& refusal : refusals) {
    ADD_FAILURE() << refusal.problems[0].ShortDebugString();
  }
  LiveTables live;
  set->Bind(live);
  std::vector<size_t> places;
  for (size_t i = 0; i < events.size(); ++i) {
    const v1::CollectionEvent* const event = &events[i];
    std::vector<Hit> hits;
    set->Evaluate({&event, 1}, absl::InfiniteFuture(), &hits);
    if (!hits.empty()) places.push_back(i);
  }
  return places;
}

using Places = std::vector<size_t>;

TEST(ConditionKindsTest, ProcessNamePattern) {
  v1::TriggerCondition condition;
  std::string& pattern = *condition.mutable_process_name_pattern()->mutable_pattern();
  pattern = "Nc";
  EXPECT_EQ(Matches(condition, {Named("nc"), Named("rsyNCd"), Named("cat"), NotFirst(Named("nc")),
                                As(v1::PROCESS_ACTION_EXEC, Named("ncat")), Own(Named("nc"))}),
            (Places{0, 1, 4}));
  pattern = "n[ck]*";
  EXPECT_EQ(Matches(condition, {Named("nc"), Named("Nc"), Named("rsync"), Named("nkx")}),
            (Places{0, 3}));
  pattern = "a_b%'c";
  EXPECT_EQ(Matches(condition, {Named("xa_b%'cx"), Named("aXb%'c"), Named("a_bb'c")}), Places{0});
}

TEST(ConditionKindsTest, ExecutablePathPattern) {
  v1::TriggerCondition condition;
  std::string& pattern = *condition.mutable_executable_path_pattern()->mutable_pattern();
  pattern = "/tmp/";
  EXPECT_EQ(Matches(condition, {Named("x", "/tmp/x"), Named("x", "/var/tmp/x"), Named("/tmp/x"),
                                Named("x", "/opt/tmp")}),
            (Places{0, 1}));
  pattern = "/home/*/.cache/*";
  EXPECT_EQ(Matches(condition, {Named("x", "/home/a b/.cache/x"), Named("x", "/home/a/cache/x")}),
            Places{0});
}

TEST(ConditionKindsTest, MissingExecutable) {
  v1::TriggerCondition condition;
  condition.mutable_missing_executable();
  EXPECT_EQ(Matches(condition, {File(false, false), File(true, false), File(false, true),
                                As(v1::PROCESS_ACTION_SAMPLE, File(false, false)),
                                As(v1::PROCESS_ACTION_SNAPSHOT, File(false, false)), Named("x")}),
            (Places{0, 4}));
}

TEST(ConditionKindsTest, HashMismatch) {
  v1::TriggerCondition condition;
  condition.mutable_hash_mismatch();
  EXPECT_EQ(Matches(condition, {Hashed("aa"), Hashed("aa"), Hashed("bb"), Hashed("cc", "c1"),
                                Named("x", "/opt/x"), Hashed("aa"),
                                As(v1::PROCESS_ACTION_STOP, Hashed("bb"))}),
            Places{2});
}

TEST(ConditionKindsTest, SuspiciousParentChild) {
  v1::TriggerCondition condition;
  v1::SuspiciousParentChild& rule = *condition.mutable_suspicious_parent_child();
  EXPECT_EQ(Matches(condition, {Child("nginx", "sh"), Child("nginx", "nginx"), Child("bash", "sh"),
                                Child("mysqld", "curl"), NotFirst(Child("nginx", "bash"))}),
            (Places{0, 3}));
  v1::SuspiciousParentChild::Pair& pair = *rule.add_pairs();
  pair.add_parents("office*");
  pair.add_children("a-name-longer-than-the-kernel-keeps");
  EXPECT_EQ(Matches(condition, {Child("office.bin", "a-name-longer-t"), Child("nginx", "sh")}),
            Places{0});
}

TEST(ConditionKindsTest, ResourceAnomaly) {
  v1::TriggerCondition condition;
  condition.mutable_resource_anomaly()->set_cpu_usage_percent(90.5);
  EXPECT_EQ(Matches(condition, {Using(90.5, 0), Using(90.6, 0), Using(400, 0), Named("x"),
                                As(v1::PROCESS_ACTION_STOP, Using(99, 0))}),
            (Places{1, 2}));
  condition.mutable_resource_anomaly()->set_memory_usage_bytes(1000);
  EXPECT_EQ(Matches(condition, {Using(1, 1001), Using(1, 1000), Using(91, 1)}), (Places{0, 2}));
}

TEST(ConditionKindsTest, Sql) {
  v1::TriggerCondition condition;
  condition.set_sql("cpu_usage_percent > 90.5 AND name IS NULL");
  EXPECT_EQ(Matches(condition, {Using(91, 0), Using(90, 0)}), Places{0});
}

}  // namespace
}  // namespace daemoneye::trigger
