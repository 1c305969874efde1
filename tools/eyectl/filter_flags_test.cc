#include "tools/eyectl/filter_flags.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "libs/base/fake_clock.h"

namespace daemoneye::eyectl {
namespace {

using ::testing::HasSubstr;

class FilterFlagsTest : public ::testing::Test {
 protected:
  FilterFlagsTest() { AddFilterFlags(flags_, clock_, &filter_); }

  absl::Status Parse(std::vector<std::string> args) { return flags_.Parse(args).status(); }

  base::FakeClock clock_;
  FlagSet flags_;
  v1::EventFilter filter_;
};

v1::EventFilter FromText(const std::string& text) {
  v1::EventFilter filter;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &filter)) << text;
  return filter;
}

TEST_F(FilterFlagsTest, EachFlagFillsItsField) {
  const struct {
    std::vector<std::string> args;
    std::string filter;
  } cases[] = {
      {{"--kind=process,LOSS"}, "kinds: EVENT_KIND_PROCESS kinds: EVENT_KIND_LOSS"},
      {{"--action=start", "--action=Stop"}, "actions: 'START' actions: 'STOP'"},
      {{"--pid=1,22"}, "pids: 1 pids: 22"},
      {{"--process-key=k"}, "process_keys: 'k'"},
      {{"--name=a,b*"}, "names: 'a,b*'"},
      {{"--path=/bin/*", "--path=/x"}, "paths: '/bin/*' paths: '/x'"},
      {{"--host=h,i"}, "hosts: 'h' hosts: 'i'"},
      {{"--source=process-scan"}, "sources: 'process-scan'"},
      {{"--monitor=procmond"}, "monitors: 'procmond'"},
      {{"--topic=events.process.#"}, "topics: 'events.process.#'"},
      {{"--sql=pid > 3, or so"}, "sql: 'pid > 3, or so'"},
      {{"--minimum_priority=high"}, "minimum_priority: TRIGGER_PRIORITY_HIGH"},
      {{"--metadata=a=b=c"}, "metadata { key: 'a' value: 'b=c' }"},
      {{"--first_sequence=3", "--last_sequence=9"}, "sequence_range { first: 3 last: 9 }"},
      {{"--since=2001-09-09T01:46:40Z", "--until=2001-09-09T03:46:41+02:00"},
       "time_range { since { seconds: 1000000000 } until { seconds: 1000000001 } }"},
      {{"--correlation_id=i"}, "correlation { id: 'i' }"},
      {{"--correlation_parent=p"}, "correlation { parent: 'p' }"},
      {{"--correlation_root=r"}, "correlation { root: 'r' }"},
      {{"--correlation_stage=s"}, "correlation { stage: 's' }"},
      {{"--tag=k=v"}, "correlation { tags { key: 'k' value: 'v' } }"},
      {{"--any_tag=k="}, "correlation { any_tags { key: 'k' value: '' } }"},
      {{"--by_pid=7"}, "correlation { by_pid: 7 }"},
      {{"--own"}, "own: true"},
      {{"--deny_name=cron", "--deny_kind=loss"}, "deny { names: 'cron' kinds: EVENT_KIND_LOSS }"},
  };
  for (const auto& c : cases) {
    filter_.Clear();
    FlagSet flags;
    AddFilterFlags(flags, clock_, &filter_);
    ASSERT_TRUE(flags.Parse(c.args).ok()) << c.filter << " " << flags.Parse(c.args).status();
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(filter_, FromText(c.filter)))
        << filter_.ShortDebugString() << " is not " << c.filter;
  }
}

TEST_F(FilterFlagsTest, SinceCountsBackFromNow) {
  ASSERT_TRUE(Parse({"--since=10m"}).ok());
  EXPECT_EQ(filter_.time_range().since().seconds(), absl::ToUnixSeconds(clock_.Now()) - 600);
}

// A field added to the filter must get its flag: all flags together leave no field unset.
TEST_F(FilterFlagsTest, EveryFieldOfTheFilterHasAFlag) {
  std::vector<std::string> args = {"--kind=process",
                                   "--action=start",
                                   "--pid=1",
                                   "--process_key=k",
                                   "--name=n",
                                   "--path=p",
                                   "--host=h",
                                   "--source=s",
                                   "--monitor=m",
                                   "--topic=t",
                                   "--sql=1",
                                   "--minimum_priority=low",
                                   "--metadata=k=v",
                                   "--first_sequence=1",
                                   "--last_sequence=2",
                                   "--since=1m",
                                   "--until=1s",
                                   "--correlation_id=i",
                                   "--correlation_parent=p",
                                   "--correlation_root=r",
                                   "--correlation_stage=s",
                                   "--tag=k=v",
                                   "--any_tag=k=v",
                                   "--by_pid=1"};
  const size_t allowed = args.size();
  for (size_t i = 0; i < allowed; ++i) args.push_back("--deny_" + args[i].substr(2));
  args.emplace_back("--own");
  ASSERT_TRUE(Parse(args).ok()) << Parse(args);
  const auto expect_all_set = [](const google::protobuf::Message& message, auto& self) -> void {
    const auto* descriptor = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      const bool is_inner_deny = descriptor == v1::EventFilter::descriptor() &&
                                 (field->name() == "deny" || field->name() == "own");
      const bool is_set = field->is_repeated() ? reflection->FieldSize(message, field) > 0
                                               : reflection->HasField(message, field);
      if (!is_inner_deny) {
        EXPECT_TRUE(is_set) << field->full_name();
      }
      if (is_set && field->message_type() != nullptr && !field->is_repeated() &&
          field->message_type()->file()->package() == "daemoneye.v1") {
        self(reflection->GetMessage(message, field), self);
      }
    }
  };
  expect_all_set(filter_, expect_all_set);
  EXPECT_TRUE(filter_.own());
}

TEST_F(FilterFlagsTest, RefusesWhatNoFilterCanMean) {
  const struct {
    std::string arg, message;
  } cases[] = {
      {"--kind=proces", "--kind: 'proces' is none of process, network"},
      {"--kind=unspecified", "'unspecified' is none of"},
      {"--pid=-1", "--pid: '-1' is not a whole number"},
      {"--pid=4294967296", "--pid: 4294967296 is no process id"},
      {"--pid=1,,2", "--pid: '' is not a whole number"},
      {"--name=", "--name: the value is empty"},
      {"--host=a,,b", "--host: the value is empty"},
      {"--minimum_priority=urgent", "'urgent' is none of low, normal, high, critical"},
      {"--tag=novalue", "--tag: 'novalue' is not KEY=VALUE"},
      {"--since=yesterday", "--since: 'yesterday' is neither a time"},
      {"--deny_own", "unknown flag --deny_own"},
      {"--sq=1", "did you mean --sql?"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(std::string(Parse({c.arg}).message()), HasSubstr(c.message)) << c.arg;
  }
}

}  // namespace
}  // namespace daemoneye::eyectl
