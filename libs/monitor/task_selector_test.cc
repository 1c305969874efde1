#include "libs/monitor/task_selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace daemoneye::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Origin Here() {
  v1::Origin origin;
  origin.set_monitor("procmond");
  origin.set_host("web1");
  origin.set_stream_id("stream");
  return origin;
}

event::Event Record(uint32_t pid, const std::string& name) {
  event::Event record;
  record.set_source("process-scan");
  v1::ProcessEvent& process = *record.mutable_process();
  process.set_action(v1::PROCESS_ACTION_SNAPSHOT);
  process.set_pid(pid);
  process.set_name(name);
  return record;
}

TEST(TaskSelectorTest, HonoursEveryFieldOfTheFilter) {
  const struct {
    const char* what;
    std::function<void(v1::EventFilter&)> set;
    bool passes;
  } cases[] = {
      {"nothing asked", [](auto&) {}, true},
      {"host", [](auto& f) { f.add_hosts("web1"); }, true},
      {"another host", [](auto& f) { f.add_hosts("web2"); }, false},
      {"monitor", [](auto& f) { f.add_monitors("procmond"); }, true},
      {"another monitor", [](auto& f) { f.add_monitors("netmond"); }, false},
      {"pid", [](auto& f) { f.add_pids(42); }, true},
      {"another pid", [](auto& f) { f.add_pids(43); }, false},
      {"action", [](auto& f) { f.add_actions("START"); }, false},
      {"sql", [](auto& f) { f.set_sql("pid = 42 AND host = 'web1'"); }, true},
      {"sql of another", [](auto& f) { f.set_sql("name LIKE 'x%'"); }, false},
      {"sql and a field", [](auto& f) { f.set_sql("pid = 42"), f.add_hosts("web2"); }, false},
      {"sql over another kind", [](auto& f) { f.set_sql("SELECT * FROM network_events"); }, false},
      {"denied", [](auto& f) { f.mutable_deny()->add_names("sh"); }, false},
      {"denied host", [](auto& f) { f.mutable_deny()->add_hosts("web1"); }, false},
      {"another denied", [](auto& f) { f.mutable_deny()->add_hosts("web2"); }, true},
  };
  for (const auto& c : cases) {
    v1::EventFilter filter;
    c.set(filter);
    auto selector = TaskSelector::Create(filter, Here());
    ASSERT_TRUE(selector.ok()) << c.what << selector.status();
    event::Event record = Record(42, "sh");
    EXPECT_EQ(selector->Selects(record), c.passes) << c.what;
    EXPECT_EQ(record.origin().host(), "web1");
    v1::Completeness completeness;
    completeness.set_complete(true);
    selector->Report(completeness);
    EXPECT_TRUE(completeness.complete());
    EXPECT_THAT(completeness.reasons(), IsEmpty());
  }
}

TEST(TaskSelectorTest, RefusesABadFilterByItsField) {
  v1::EventFilter filter;
  filter.set_sql("no_such_column = 1");
  EXPECT_THAT(TaskSelector::Create(filter, Here()).status().ToString(), HasSubstr("filter.sql"));
  filter.Clear();
  filter.add_topics("events.*");
  EXPECT_THAT(TaskSelector::Create(filter, Here()).status().ToString(),
              HasSubstr("filter.topics[0]"));
}

TEST(TaskSelectorTest, SaysWhatSqlCouldNotDecide) {
  v1::EventFilter filter;
  filter.set_sql("length(replace(name, 'x', command_line)) > 1");
  auto selector = TaskSelector::Create(filter, Here());
  ASSERT_TRUE(selector.ok()) << selector.status();
  event::Event record = Record(42, std::string(4000, 'x'));
  record.mutable_process()->add_command_line(std::string(4000, 'y'));
  EXPECT_FALSE(selector->Selects(record));
  v1::Completeness completeness;
  completeness.set_complete(true);
  selector->Report(completeness);
  EXPECT_FALSE(completeness.complete());
  EXPECT_THAT(completeness.reasons(),
              ElementsAre("filter.sql failed or took too long on 1 records"));
}

TEST(TaskSelectorTest, SaysWhoseExecutableItCouldNotHoldAgainstTheFilter) {
  const struct {
    const char* what;
    std::function<void(v1::EventFilter&)> set;
    bool is_complete;
  } cases[] = {
      {"nothing asked of it", [](auto& f) { f.add_names("bash"); }, true},
      {"path", [](auto& f) { f.add_paths("/tmp/*"); }, false},
      {"path of another pid", [](auto& f) { f.add_paths("/tmp/*"), f.add_pids(43); }, true},
      {"sql", [](auto& f) { f.set_sql("executable_path LIKE '/tmp/%'"); }, false},
      {"sql over others", [](auto& f) { f.set_sql("name = 'bash'"); }, true},
  };
  for (const auto& c : cases) {
    v1::EventFilter filter;
    c.set(filter);
    auto selector = TaskSelector::Create(filter, Here());
    ASSERT_TRUE(selector.ok()) << c.what << selector.status();
    event::Event record = Record(42, "sh");
    record.mutable_process()->set_accessible(false);
    EXPECT_FALSE(selector->Selects(record)) << c.what;
    v1::Completeness completeness;
    completeness.set_complete(true);
    selector->Report(completeness);
    EXPECT_EQ(completeness.complete(), c.is_complete) << c.what;
  }
}

}  // namespace
}  // namespace daemoneye::monitor
