#include "services/collector_gateway/enrichment_stage.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/collector_gateway/stage_fixture.h"
#include "services/collector_gateway/struct_fields.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kSevenOnH[] = "process_key: 'key-7' host: 'h'";

class EnrichmentStageTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::AnalysisResult> Run(const std::string& target, const std::string& add = "") {
    EnrichmentStage stage(
        {.stages = stages_, .lookup = lookup_, .completeness = [this](const std::string& host) {
           asked_host_ = host;
           return completeness_;
         }});
    return OutcomeOf(stage,
                     WorkOf(fmt::format("target {{ {} }} workflow {{ stages {{ id: 'enrich' kind: "
                                        "WORKFLOW_STAGE_KIND_ENRICHMENT enrichment {{ {} }} }} }} "
                                        "stages {{ stage_id: 'enrich' }}",
                                        target, add)))
        .result;
  }
  // init, sshd, sh, nc: 1, 5, 6, 7.
  void TellChain() {
    known_.Tell(KnownGateway::Start(1, 0, "init"));
    known_.Tell(KnownGateway::Start(5, 1, "sshd"));
    known_.Tell(KnownGateway::Start(6, 5, "sh"));
    known_.Tell(KnownGateway::Start(7, 6, "nc"));
  }
  static std::vector<std::string> Names(const v1::AnalysisResult& result, const std::string& list,
                                        const std::string& field = "name") {
    std::vector<std::string> names;
    for (const auto& value : result.result().fields().at(list).list_value().values()) {
      names.push_back(TextOf(value.struct_value(), field));
    }
    return names;
  }
  static bool Flag(const v1::AnalysisResult& result, const std::string& name) {
    return result.result().fields().at(name).bool_value();
  }

  KnownGateway known_;
  ProcessLookup::Ports lookup_ = known_.lookup();
  BlockingStages stages_{{.name = "enrich", .threads = 2}, base::Clock::Real()};
  v1::Completeness completeness_;
  std::string asked_host_;
};

TEST_F(EnrichmentStageTest, TellsTheAncestorsUpToTheFirst) {
  TellChain();
  const auto result = Run(kSevenOnH);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(Flag(*result, "found"));
  EXPECT_THAT(Names(*result, "ancestry"), ElementsAre("sh", "sshd", "init"));
  EXPECT_THAT(Names(*result, "ancestry", "executable_path"),
              ElementsAre("/bin/sh", "/bin/sshd", "/bin/init"));
  EXPECT_TRUE(Flag(*result, "ancestry_complete"));
  EXPECT_EQ(result->summary(), "nc (pid 7) under sh under sshd under init");
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  EXPECT_TRUE(result->authoritative());
  EXPECT_TRUE(result->completeness().complete()) << result->completeness().ShortDebugString();
  std::vector<uint64_t> evidence;
  for (const v1::Origin& origin : result->evidence()) evidence.push_back(origin.sequence());
  EXPECT_THAT(evidence, ElementsAre(4, 3, 2, 1));
  EXPECT_EQ(asked_host_, "h");
}

TEST_F(EnrichmentStageTest, ACycleOfParentsEndsAndIsTold) {
  known_.Tell(KnownGateway::Start(6, 7, "a"));
  known_.Tell(KnownGateway::Start(7, 6, "b"));
  const auto result = Run(kSevenOnH, "add: ENRICHMENT_ANCESTRY");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Names(*result, "ancestry"), ElementsAre("a"));
  EXPECT_FALSE(Flag(*result, "ancestry_complete"));
  EXPECT_THAT(result->completeness().reasons(0), HasSubstr("its own ancestor"));
}

TEST_F(EnrichmentStageTest, AnAncestorThatIsGoneComesFromTheStoreElseItIsTold) {
  known_.Store(KnownGateway::Start(6, 5, "sh"));  // nobody remembers it
  known_.Tell(KnownGateway::Start(7, 6, "nc"));
  const auto result = Run(kSevenOnH, "add: ENRICHMENT_ANCESTRY");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Names(*result, "ancestry"), ElementsAre("sh"));
  EXPECT_FALSE(result->result()
                   .fields()
                   .at("ancestry")
                   .list_value()
                   .values(0)
                   .struct_value()
                   .fields()
                   .at("living")
                   .bool_value());
  EXPECT_FALSE(Flag(*result, "ancestry_complete"));
  EXPECT_THAT(result->completeness().reasons(), ElementsAre("the ancestor key-5 is not known"));
}

TEST_F(EnrichmentStageTest, TellsContainerUserHashAndHistory) {
  known_.Tell(KnownGateway::Start(1, 0, "init"));
  v1::CollectionEvent event = KnownGateway::Start(7, 1, "nc");
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_container_id("c0ffee");
  process.set_pod_uid("pod");
  process.set_user_id(0);
  process.set_user_name("root");
  process.set_executable_hash("abc");
  process.set_hash_algorithm("sha256");
  process.set_hash_state(v1::HASH_STATE_AVAILABLE);
  known_.Tell(event);
  v1::CollectionEvent exec = event;
  exec.mutable_process()->set_action(v1::PROCESS_ACTION_EXEC);
  exec.mutable_event_time()->set_seconds(kEventSeconds + 1);
  known_.Tell(exec);
  v1::CollectionEvent sample = event;
  sample.mutable_process()->set_action(v1::PROCESS_ACTION_SAMPLE);
  sample.mutable_event_time()->set_seconds(kEventSeconds + 2);
  known_.Tell(sample);
  const auto result = Run(kSevenOnH);
  ASSERT_TRUE(result.ok()) << result.status();
  const auto& fields = result->result().fields();
  const Struct& container = fields.at("container").struct_value();
  EXPECT_TRUE(container.fields().at("in_container").bool_value());
  EXPECT_EQ(TextOf(container, "container_id"), "c0ffee");
  EXPECT_FALSE(container.fields().contains("cgroup_path")) << "what is not known is not there";
  EXPECT_EQ(fields.at("user").struct_value().fields().at("user_id").number_value(), 0);
  EXPECT_EQ(TextOf(fields.at("user").struct_value(), "user_name"), "root");
  EXPECT_FALSE(fields.at("user").struct_value().fields().contains("effective_user_id"));
  EXPECT_EQ(TextOf(fields.at("hash").struct_value(), "executable_hash"), "abc");
  EXPECT_EQ(TextOf(fields.at("hash").struct_value(), "hash_state"), "AVAILABLE");
  EXPECT_FALSE(fields.at("hash").struct_value().fields().contains("matches_baseline"))
      << "files of a container have no baseline";
  EXPECT_THAT(Names(*result, "history", "action"), ElementsAre("EXEC", "START"))
      << "the newest first, without samples";
}

TEST_F(EnrichmentStageTest, OnlyAControlGroupTellsThatThereIsNoContainer) {
  known_.Tell(KnownGateway::Start(7, 0, "nc"));
  v1::CollectionEvent event = KnownGateway::Start(8, 0, "nc");
  event.mutable_process()->set_cgroup_path("/user.slice");
  known_.Tell(event);
  const auto unknown = Run(kSevenOnH, "add: ENRICHMENT_CONTAINER");
  const auto none = Run("process_key: 'key-8'", "add: ENRICHMENT_CONTAINER");
  ASSERT_TRUE(unknown.ok() && none.ok());
  EXPECT_EQ(unknown->result().fields().at("container").struct_value().fields().size(), 0u);
  const Struct& container = none->result().fields().at("container").struct_value();
  EXPECT_FALSE(container.fields().at("in_container").bool_value());
}

TEST_F(EnrichmentStageTest, ComparesWithTheFirstHashThatWasSeenOfThePath) {
  for (const auto& [pid, hash] : {std::pair(6, "abc"), std::pair(7, "def"), std::pair(8, "abc")}) {
    v1::CollectionEvent event = KnownGateway::Start(static_cast<uint32_t>(pid), 0, "nc");
    event.mutable_process()->set_executable_hash(hash);
    event.mutable_process()->set_hash_algorithm("sha256");
    known_.Tell(event);
  }
  for (const auto& [key, matches] : {std::pair("key-7", false), std::pair("key-8", true)}) {
    const auto result = Run(fmt::format("process_key: '{}'", key), "add: ENRICHMENT_HASH");
    ASSERT_TRUE(result.ok()) << result.status();
    const Struct& hash = result->result().fields().at("hash").struct_value();
    ASSERT_TRUE(hash.fields().contains("matches_baseline")) << hash.ShortDebugString();
    EXPECT_EQ(hash.fields().at("matches_baseline").bool_value(), matches) << key;
    EXPECT_FALSE(result->result().fields().contains("ancestry")) << "only what was asked for";
  }
}

TEST_F(EnrichmentStageTest, FindsByPidOnAHostAndByPath) {
  TellChain();
  v1::CollectionEvent other = KnownGateway::Start(7, 0, "other");
  other.mutable_origin()->set_host("h2");
  other.mutable_process()->set_process_key("key-on-h2");
  known_.Tell(other);
  const auto on_h = Run("pid: 7 host: 'h'");
  ASSERT_TRUE(on_h.ok()) << on_h.status();
  EXPECT_EQ(TextOf(on_h->result().fields().at("process").struct_value(), "process_key"), "key-7");
  const auto somewhere = Run("pid: 7");
  ASSERT_TRUE(somewhere.ok()) << somewhere.status();
  EXPECT_EQ(Names(*somewhere, "processes").size(), 2u);
  EXPECT_FALSE(somewhere->authoritative());
  EXPECT_THAT(somewhere->completeness().reasons(0), HasSubstr("2 processes have pid 7"));
  const auto by_path = Run("path: '/bin/sshd'");
  ASSERT_TRUE(by_path.ok()) << by_path.status();
  EXPECT_EQ(TextOf(by_path->result().fields().at("process").struct_value(), "name"), "sshd");
}

TEST_F(EnrichmentStageTest, WhatNobodyKnowsIsToldAsSuch) {
  TellChain();
  for (const char* target :
       {"process_key: 'key-70' host: 'h'", "pid: 70 host: 'h'", "path: '/bin/none'",
        "process_key: 'key-7' host: 'elsewhere'", "process_key: 'key-7' pid: 8"}) {
    const auto result = Run(target);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(Flag(*result, "found")) << target;
    EXPECT_EQ(result->result().fields().size(), 1u) << "no value is made up";
    EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
    EXPECT_FALSE(result->authoritative());
    EXPECT_FALSE(result->completeness().complete()) << target;
    EXPECT_THAT(result->completeness().reasons(0), HasSubstr("is not known")) << target;
  }
}

TEST_F(EnrichmentStageTest, AProcessThatEndedIsFoundInTheStore) {
  known_.Store(KnownGateway::Start(7, 0, "nc"));
  const auto result = Run(kSevenOnH, "add: ENRICHMENT_USER");
  ASSERT_TRUE(result.ok()) << result.status();
  const Struct& process = result->result().fields().at("process").struct_value();
  EXPECT_EQ(TextOf(process, "name"), "nc");
  EXPECT_FALSE(process.fields().at("living").bool_value());
}

TEST_F(EnrichmentStageTest, OfAProcessThatStoppedTheRecordBeforeTellsWhatItWas) {
  known_.Store(KnownGateway::Start(7, 0, "nc"));
  v1::CollectionEvent stop;
  stop.mutable_event_time()->set_seconds(kEventSeconds + 5);
  stop.mutable_process()->set_action(v1::PROCESS_ACTION_STOP);
  stop.mutable_process()->set_process_key("key-7");
  known_.Store(stop);
  const auto result = Run(kSevenOnH, "add: ENRICHMENT_USER");
  ASSERT_TRUE(result.ok()) << result.status();
  const Struct& process = result->result().fields().at("process").struct_value();
  EXPECT_EQ(TextOf(process, "name"), "nc");
  EXPECT_EQ(TextOf(process, "end_time"), "2023-11-14T22:13:25Z");
  ASSERT_EQ(result->evidence_size(), 1);
  EXPECT_EQ(result->evidence(0).sequence(), 2u);
}

TEST_F(EnrichmentStageTest, WithoutAStoreAndWithGapsItIsNotComplete) {
  TellChain();
  lookup_.queries = nullptr;
  lookup_.events = nullptr;
  completeness_.add_reasons("procmond@h does not stream");
  const auto result = Run(kSevenOnH);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->completeness().reasons(),
              ElementsAre("no history: nothing is stored", "procmond@h does not stream"));
  EXPECT_FALSE(result->completeness().complete());
}

TEST_F(EnrichmentStageTest, ALongHistoryAndLongTextsFitTheResult) {
  for (uint32_t pid = 1; pid <= 40; ++pid) {
    v1::CollectionEvent event = KnownGateway::Start(pid, pid - 1, "long");
    event.mutable_process()->set_executable_path("/" + std::string(4'000, 'p'));
    event.mutable_process()->add_command_line(std::string(60'000, 'a'));
    known_.Tell(event);
  }
  // OutcomeOf checks the bounds.
  const auto result = Run("process_key: 'key-40'");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(Flag(*result, "ancestry_complete"));
  EXPECT_THAT(result->completeness().reasons(0), HasSubstr("does not fit"));
  EXPECT_LE(result->evidence_size(), 16);
}

}  // namespace
}  // namespace daemoneye::gateway
