#include "libs/event/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "google/protobuf/text_format.h"
#include "libs/event/random_event.h"

namespace daemoneye::event {
namespace {

using ::testing::HasSubstr;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

CompiledFilter Compile(const std::string& text) {
  auto filter = CompiledFilter::Create(Parse<v1::EventFilter>(text));
  EXPECT_TRUE(filter.ok()) << filter.status() << " " << text;
  return *std::move(filter);
}

bool Passes(const std::string& filter, const std::string& event) {
  return Compile(filter).Matches(Parse<Event>(event));
}

constexpr char kStart[] = R"pb(
  sequence: 7
  origin { monitor: "procmond" host: "web1" }
  event_time { seconds: 100 nanos: 5 }
  source: "process-scan"
  correlation {
    correlation_id: "c1"
    parent_id: "p1"
    root_id: "r1"
    workflow_stage: "collect"
    tags { key: "team" value: "red" }
    tags { key: "zone" value: "b" }
  }
  process {
    action: PROCESS_ACTION_START
    process_key: "k1"
    pid: 42
    ppid: 1
    name: "nginx"
    executable_path: "/usr/sbin/nginx"
  })pb";
constexpr char kSample[] = R"pb(process { action: PROCESS_ACTION_SAMPLE pid: 42 ppid: 9 })pb";
constexpr char kOwn[] = R"pb(process { action: PROCESS_ACTION_START pid: 42 own: true })pb";
constexpr char kConnect[] =
    R"pb(network { action: NETWORK_ACTION_CONNECT pid: 42 process_key: "k1" })pb";
constexpr char kMove[] =
    R"pb(filesystem { action: FILESYSTEM_ACTION_MOVE path: "/a/new" old_path: "/tmp/old" })pb";
constexpr char kMetric[] = R"pb(performance {
                                  pid: 3
                                  labels { key: "cpu" value: "0" }
                                })pb";
constexpr char kRequest[] = R"pb(trigger_request {
                                   priority: TRIGGER_PRIORITY_HIGH
                                   target_pid: 42
                                   target_path: "/opt/x"
                                   metadata { key: "rule" value: "7" }
                                 })pb";
constexpr char kLoss[] = R"pb(loss { stage: "intake" count: 3 })pb";

TEST(CompiledFilterTest, DecidesFieldByField) {
  struct Case {
    const char* filter;
    const char* event;
    bool passes;
  };
  const Case kCases[] = {
      {"", kStart, true},
      {"", kLoss, true},
      {"kinds: EVENT_KIND_PROCESS", kStart, true},
      {"kinds: EVENT_KIND_PROCESS", kLoss, false},
      {"kinds: [EVENT_KIND_LOSS, EVENT_KIND_NETWORK]", kConnect, true},
      {"actions: 'START'", kStart, true},
      {"actions: 'start'", kStart, true},
      {"actions: 'process_action_START'", kStart, true},
      {"actions: 'STOP'", kStart, false},
      {"actions: 'CONNECT'", kConnect, true},
      {"actions: 'METRIC'", kMetric, true},
      {"actions: 'LOST'", kLoss, true},
      {"pids: 42", kStart, true},
      {"pids: 42", kConnect, true},
      {"pids: 42", kRequest, true},
      {"pids: [1, 2]", kStart, false},
      {"pids: 0", kLoss, false},  // a field that an event lacks does not pass
      {"process_keys: 'k1'", kStart, true},
      {"process_keys: 'k1'", kConnect, true},
      {"process_keys: 'k1'", kMove, false},
      {"names: 'nginx'", kStart, true},
      {"names: 'ngin'", kStart, false},
      {"names: ['bash', 'ng*']", kStart, true},
      {"names: '*'", kConnect, false},
      {"paths: '/usr/sbin/*'", kStart, true},
      {"paths: '/tmp/*'", kMove, true},
      {"paths: '/a/new'", kMove, true},
      {"paths: '/opt/?'", kRequest, true},
      {"paths: '*'", kLoss, false},
      {"hosts: 'web1'", kStart, true},
      {"hosts: 'web2'", kStart, false},
      {"hosts: 'web1'", kLoss, false},
      {"sources: 'process-scan'", kStart, true},
      {"sources: 'process-exec'", kStart, false},
      {"monitors: 'procmond'", kStart, true},
      {"topics: 'events.process.start'", kStart, true},
      {"topics: 'events.process.#'", kStart, true},
      {"topics: 'events.+.connect'", kStart, false},
      {"topics: ['events.+.connect', 'events.loss.#']", kLoss, true},
      {"correlation { id: 'c1' }", kStart, true},
      {"correlation { id: 'c2' }", kStart, false},
      {"correlation { parent: 'p1' }", kStart, true},
      {"correlation { root: 'r1' }", kStart, true},
      {"correlation { root: 'c9' }", "correlation { correlation_id: 'c9' } loss {}", true},
      {"correlation { stage: 'collect' }", kStart, true},
      {"correlation { tags { key: 'team' value: 'red' } }", kStart, true},
      {"correlation { tags { key: 'team' value: 'red' } tags { key: 'zone' value: 'a' } }", kStart,
       false},
      {"correlation { any_tags { key: 'team' value: 'red' } any_tags { key: 'x' value: 'y' } }",
       kStart, true},
      {"correlation { any_tags { key: 'x' value: 'y' } }", kStart, false},
      {"correlation { by_pid: 42 }", kStart, true},
      {"correlation { by_pid: 42 }", kConnect, true},
      {"correlation { by_pid: 42 }", kRequest, true},
      {"correlation { by_pid: 1 }", kStart, true},  // its child's start
      {"correlation { by_pid: 9 } actions: 'SAMPLE'", kSample, false},
      {"correlation { by_pid: 0 }", kStart, false},
      {"minimum_priority: TRIGGER_PRIORITY_HIGH", kRequest, true},
      {"minimum_priority: TRIGGER_PRIORITY_CRITICAL", kRequest, false},
      {"minimum_priority: TRIGGER_PRIORITY_LOW", kStart, false},
      {"metadata { key: 'rule' value: '7' }", kRequest, true},
      {"metadata { key: 'cpu' value: '0' }", kMetric, true},
      {"metadata { key: 'rule' value: '8' }", kRequest, false},
      {"metadata { key: 'rule' value: '7' }", kStart, false},
      {"sequence_range { first: 7 last: 7 }", kStart, true},
      {"sequence_range { first: 8 }", kStart, false},
      {"sequence_range { last: 6 }", kStart, false},
      {"sequence_range { last: 6 }", kLoss, false},  // has none
      {"time_range { since { seconds: 100 nanos: 5 } }", kStart, true},
      {"time_range { until { seconds: 100 nanos: 5 } }", kStart, false},
      {"time_range { until { seconds: 100 nanos: 6 } }", kStart, true},
      {"time_range { since { seconds: 1 } }", kLoss, false},
      {"names: 'nginx' pids: 43", kStart, false},  // AND between fields
      {"deny { names: 'nginx' }", kStart, false},
      {"deny { names: 'nginx' }", kConnect, true},
      {"deny { names: 'nginx' pids: 1 }", kStart, true},
      {"deny { actions: 'START' }", kStart, false},
      {"deny { kinds: EVENT_KIND_LOSS }", kLoss, false},
      {"kinds: EVENT_KIND_PROCESS deny { pids: 42 }", kStart, false},
      {"deny {}", kStart, true},
      {"deny { sequence_range { last: 10 } }", kLoss, true},
  };
  for (const Case& c : kCases) EXPECT_EQ(Passes(c.filter, c.event), c.passes) << c.filter;
}

TEST(CompiledFilterTest, SamplesAndOwnEventsPassOnlyWhenNamed) {
  EXPECT_FALSE(Passes("", kSample));
  EXPECT_FALSE(Passes("kinds: EVENT_KIND_PROCESS", kSample));
  EXPECT_FALSE(Passes("topics: 'events.process.#'", kSample));
  EXPECT_FALSE(Passes("topics: 'events.process.+'", kSample));
  EXPECT_TRUE(Passes("topics: 'events.process.sample'", kSample));
  EXPECT_TRUE(Passes("topics: 'events.+.sample'", kSample));
  EXPECT_TRUE(Passes("actions: 'sample'", kSample));
  EXPECT_FALSE(Passes("", kOwn));
  EXPECT_FALSE(Passes("pids: 42", kOwn));
  EXPECT_TRUE(Passes("own: true", kOwn));
}

TEST(CompiledFilterTest, ErrorsNameTheField) {
  v1::EventFilter many;
  for (int i = 0; i < 1001; ++i) many.add_pids(i);
  v1::EventFilter globs;
  for (int i = 0; i < 20; ++i) globs.add_names(std::string(1000, 'a') + "*");
  const std::pair<v1::EventFilter, const char*> kCases[] = {
      {Parse<v1::EventFilter>("topics: 'events.*'"), "filter.topics[0]: '*' at position 7"},
      {Parse<v1::EventFilter>("topics: ['a', 'A']"), "filter.topics[1]: 'A' at position 0"},
      {Parse<v1::EventFilter>("actions: 'STRAT'"),
       "filter.actions[0]: \"STRAT\" is no action; the nearest is START"},
      {Parse<v1::EventFilter>("actions: ''"), "filter.actions[0]: \"\" is no action"},
      {Parse<v1::EventFilter>("actions: 'network_action_START'"), "filter.actions[0]: "},
      {Parse<v1::EventFilter>("kinds: EVENT_KIND_UNSPECIFIED"), "filter.kinds[0]: 0 is no kind"},
      {Parse<v1::EventFilter>("names: ['x', 'a[b']"), "filter.names[1]: '[' at position 1"},
      {Parse<v1::EventFilter>("paths: ''"), "filter.paths[0]: is empty"},
      {Parse<v1::EventFilter>("hosts: ['a', '']"), "filter.hosts[1]: is empty"},
      {Parse<v1::EventFilter>("sources: '" + std::string(4097, 'x') + "'"),
       "filter.sources[0]: 4097 bytes, at most 4096"},
      {Parse<v1::EventFilter>("sequence_range { first: 3 last: 2 }"),
       "filter.sequence_range: first 3 is behind last 2"},
      {Parse<v1::EventFilter>("time_range { since { seconds: 5 } until { seconds: 5 } }"),
       "filter.time_range: since must be before until"},
      {Parse<v1::EventFilter>("time_range { since { nanos: -1 } }"),
       "filter.time_range.since: seconds 0 nanos -1"},
      {Parse<v1::EventFilter>("correlation { id: '" + std::string(5000, 'x') + "' }"),
       "filter.correlation.id: 5000 bytes"},
      {Parse<v1::EventFilter>("deny { topics: '#.a' }"), "filter.deny.topics[0]: '#'"},
      {Parse<v1::EventFilter>("deny { deny { pids: 1 } }"), "filter.deny.deny: "},
      {Parse<v1::EventFilter>("deny { own: true }"), "filter.deny.own: "},
      {Parse<v1::EventFilter>("deny { sql: 'pid = 1' }"), "filter.deny.sql: "},
      {many, "filter.pids: 1001 values, at most 1000"},
      {globs, "filter.names[16]: patterns of more than 16384 bytes"},
  };
  for (const auto& [filter, error] : kCases) {
    const auto compiled = CompiledFilter::Create(filter);
    ASSERT_FALSE(compiled.ok()) << error;
    EXPECT_EQ(compiled.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(compiled.status().message()), HasSubstr(error));
  }
  v1::EventFilter unknown;
  unknown.add_kinds(static_cast<v1::EventKind>(77));
  EXPECT_THAT(std::string(CompiledFilter::Create(unknown).status().message()),
              HasSubstr("filter.kinds[0]: 77 is no kind"));
}

TEST(CompiledFilterTest, ValuesFromOutsideAreQuotedWithoutControlCharacters) {
  v1::EventFilter filter;
  filter.add_actions("\x1b[31mred");
  const auto compiled = CompiledFilter::Create(filter);
  EXPECT_EQ(compiled.status().message().find('\x1b'), absl::string_view::npos);
}

TEST(CompiledFilterTest, EffectiveWritesTheDefaultsOut) {
  const v1::EventFilter all = Compile("").effective();
  EXPECT_EQ(all.kinds_size(), 6);
  EXPECT_THAT(all.actions(), ::testing::Contains("SNAPSHOT"));
  EXPECT_THAT(all.actions(), ::testing::Contains("LOST"));
  EXPECT_THAT(all.actions(), ::testing::Not(::testing::Contains("SAMPLE")));
  const v1::EventFilter samples = Compile("topics: 'events.process.sample'").effective();
  EXPECT_THAT(samples.actions(), ::testing::Contains("SAMPLE"));
  EXPECT_FALSE(Compile("deny {}").effective().has_deny());
  const v1::EventFilter given = Compile("actions: 'stop' pids: 3").effective();
  EXPECT_THAT(given.actions(), ::testing::ElementsAre("stop"));
  EXPECT_THAT(given.pids(), ::testing::ElementsAre(3));
}

// Filters whose values are often those of `event`, so that both answers are common.
v1::EventFilter RandomFilter(std::mt19937_64& random, const Event& event, int depth = 0) {
  constexpr const char* kTopics[] = {"#", "events.+.+", "events.process.#", "events.+.sample",
                                     "events.network.connect"};
  v1::EventFilter filter;
  const auto sometimes = [&random] { return random() % 4 == 0; };
  if (sometimes()) filter.add_kinds(KindOf(event));
  if (sometimes()) filter.add_kinds(v1::EVENT_KIND_PROCESS);
  const std::string_view action = ActionName(KindOf(event), ActionOf(event));
  if (sometimes() && !action.empty()) filter.add_actions(std::string(action));
  if (sometimes()) filter.add_actions("STOP");
  if (sometimes()) filter.add_topics(kTopics[random() % 5]);
  if (random() % 8 == 0) filter.add_pids(PidOf(event).value_or(1));
  if (random() % 8 == 0) filter.add_names("*");
  if (random() % 8 == 0) filter.mutable_sequence_range()->set_first(random());
  if (depth == 0) filter.set_own(sometimes());
  if (depth == 0 && random() % 2 == 0) *filter.mutable_deny() = RandomFilter(random, event, 1);
  return filter;
}

TEST(CompiledFilterTest, TraitsNeverContradictTheEventAndTheEffectiveFilterMeansTheSame) {
  std::mt19937_64 random(99);
  int decided = 0, passed = 0;
  for (int i = 0; i < 5000; ++i) {
    const Event event = RandomEvent(random, {.max_text_characters = 4});
    const v1::EventFilter filter = RandomFilter(random, event);
    const auto compiled = CompiledFilter::Create(filter);
    ASSERT_TRUE(compiled.ok()) << compiled.status() << filter.DebugString();
    const bool passes = compiled->Matches(event);
    const TraitsVerdict verdict =
        compiled->MatchesTraits(KindOf(event), ActionOf(event), IsSample(event), IsOwn(event));
    if (verdict != TraitsVerdict::kNeedsEvent) {
      ASSERT_EQ(passes, verdict == TraitsVerdict::kYes) << filter.DebugString();
    }
    decided += verdict != TraitsVerdict::kNeedsEvent;
    passed += passes;
    // An action without a name is nothing that a filter can write out.
    if (ActionName(KindOf(event), ActionOf(event)).empty()) continue;
    const auto effective = CompiledFilter::Create(compiled->effective());
    ASSERT_TRUE(effective.ok()) << effective.status();
    ASSERT_EQ(effective->Matches(event), passes) << filter.DebugString();
  }
  EXPECT_GT(decided, 2500);
  EXPECT_GT(passed, 500);
}

}  // namespace
}  // namespace daemoneye::event
