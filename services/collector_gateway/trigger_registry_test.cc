#include "services/collector_gateway/trigger_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"
#include "libs/base/fake_clock.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NoSink final : public trigger::MatchSink {
 public:
  bool OnMatch(const trigger::TriggerMatch& /*match*/) override { return true; }
  void OnTimeout(const trigger::TriggerMatch& /*match*/) override {}
  void OnRateLimited(const trigger::RateLimitNotice& /*notice*/) override {}
  void OnSuspended(const std::string& /*id*/, const std::string& /*reason*/) override {}
};

// Keeps in memory what a store keeps; fails when told to.
class FakeTriggerStore final : public storage::TriggerStore {
 public:
  absl::Status Put(const v1::Trigger& trigger) override {
    if (!status.ok()) return status;
    triggers[trigger.id()] = trigger;
    return absl::OkStatus();
  }
  absl::Status Delete(std::string_view id) override {
    if (!status.ok()) return status;
    return triggers.erase(std::string(id)) == 1 ? absl::OkStatus() : absl::NotFoundError("none");
  }
  absl::StatusOr<std::vector<v1::Trigger>> List() const override {
    std::vector<v1::Trigger> list;
    for (const auto& [id, trigger] : triggers) list.push_back(trigger);
    return list;
  }
  absl::Status SetMute(std::string_view id, absl::Time until) override {
    if (!status.ok()) return status;
    if (until == absl::InfinitePast()) {
      mutes.erase(std::string(id));
    } else {
      mutes[std::string(id)] = until;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::map<std::string, absl::Time>> Mutes() const override { return mutes; }

  absl::Status status;
  std::map<std::string, v1::Trigger> triggers;
  std::map<std::string, absl::Time> mutes;
};

v1::Trigger Parse(const std::string& text) {
  v1::Trigger trigger;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &trigger)) << text;
  return trigger;
}

class TriggerRegistryTest : public testing::Test {
 protected:
  static TriggerConfig File(const std::string& sql = "name = 'x'") {
    TriggerConfig config;
    v1::Trigger& trigger = config.triggers["file"];
    trigger.set_id("file");
    trigger.mutable_condition()->set_sql(sql);
    trigger.set_managed_by(v1::TRIGGER_MANAGER_FILE);
    config.paths["file"] = "triggers[0]";
    return config;
  }

  base::FakeClock clock_;
  NoSink sink_;
  trigger::TriggerEngine engine_{{}, sink_, clock_};
  FakeTriggerStore store_;
  absl::Status target_;  // of what triggers name
  TriggerRegistry registry_{engine_, &store_, clock_,
                            [this](const v1::Trigger&) { return target_; }};
};

TEST_F(TriggerRegistryTest, ATriggerOfTheFileWhoseTargetIsAwayRunsAndIsTold) {
  TriggerConfig file = File();
  file.triggers["file"].set_workflow("w");
  target_ = absl::NotFoundError("there is no workflow w");
  ASSERT_TRUE(registry_.Load(file).ok());
  EXPECT_EQ(engine_.Gauges().triggers, 1u);
  EXPECT_THAT(registry_.Problems(), ElementsAre(HasSubstr("there is no workflow w")));
  file.triggers["file"].set_enabled(false);
  ASSERT_TRUE(registry_.Reload(file).ok());
  EXPECT_THAT(registry_.Problems(), IsEmpty());
}

TEST_F(TriggerRegistryTest, CreatesGetsListsAndDeletes) {
  ASSERT_TRUE(registry_.Load(File()).ok());
  const absl::StatusOr<v1::Trigger> made =
      registry_.Create(Parse("id: 'a' condition { sql: 'pid = 1' } etag: 'ignored'"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->managed_by(), v1::TRIGGER_MANAGER_API);
  EXPECT_EQ(made->effective_sql(), "pid = 1");
  EXPECT_TRUE(made->has_updated_at());
  EXPECT_EQ(registry_.Get("a")->etag(), made->etag());
  EXPECT_THAT(registry_.ids(), ElementsAre("a", "file"));
  EXPECT_EQ(registry_.List("a", 10).at(0).id(), "file");
  EXPECT_EQ(engine_.Gauges().triggers, 2u);
  EXPECT_TRUE(store_.triggers.contains("a"));
  EXPECT_TRUE(registry_.Delete("a", made->etag()).ok());
  EXPECT_THAT(store_.triggers, IsEmpty());
  EXPECT_EQ(registry_.Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_.Delete("a", "").code(), absl::StatusCode::kNotFound);
}

TEST_F(TriggerRegistryTest, RefusesWithTheFieldAndPosition) {
  ASSERT_TRUE(registry_.Load(File()).ok());
  const auto error = [&](const std::string& text) {
    return registry_.Create(Parse(text)).status();
  };
  EXPECT_EQ(error("id: 'file' condition { sql: 'pid = 1' }").code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(error("id: 'a b' condition { sql: 'pid = 1' }").message(), HasSubstr("trigger.id: "));
  EXPECT_THAT(error("id: 'a' condition { sql: 'pid = 1 AND nope = 2' }").message(),
              HasSubstr("trigger.condition"));
  target_ = absl::UnavailableError("no analyzer is named \"yara\"");
  EXPECT_EQ(
      error("id: 'a' condition { sql: 'pid = 1' } target_collector: 'yara' "
            "analysis_type: ANALYSIS_TYPE_YARA_SCAN"),
      absl::FailedPreconditionError("trigger.target_collector: no analyzer is named \"yara\""));
  EXPECT_THAT(error("id: 'a' condition { sql: 'pid = 1' } workflow: 'w'").message(),
              HasSubstr("trigger.workflow: "));
  EXPECT_THAT(registry_.ids(), ElementsAre("file"));
}

TEST_F(TriggerRegistryTest, AnUpdateTakesOverTheFieldsOfItsMaskUnderTheCurrentEtag) {
  ASSERT_TRUE(registry_.Load({}).ok());
  const std::string first =
      registry_.Create(Parse("id: 'a' description: 'd' condition { sql: 'pid = 1' }"))->etag();
  v1::Trigger change = Parse("id: 'a' severity: SEVERITY_HIGH description: 'other'");
  change.set_etag(first);
  const absl::StatusOr<v1::Trigger> second = registry_.Update(change, {"severity"});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->severity(), v1::SEVERITY_HIGH);
  EXPECT_EQ(second->description(), "d");
  EXPECT_NE(second->etag(), first);
  EXPECT_EQ(registry_.Update(change, {"severity"}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  change.clear_etag();
  EXPECT_EQ(registry_.Update(change, {"condition"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  for (const char* field : {"id", "etag", "nope", "condition.sql"}) {
    EXPECT_THAT(registry_.Update(change, {field}).status().message(), HasSubstr("update_mask: "));
  }
  EXPECT_EQ(registry_.Update(Parse("id: 'b'"), {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(registry_.Delete("a", first).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TriggerRegistryTest, ATriggerOfTheFileMayOnlyBeMuted) {
  ASSERT_TRUE(registry_.Load(File()).ok());
  v1::Trigger change = Parse("id: 'file' severity: SEVERITY_LOW");
  EXPECT_EQ(registry_.Update(change, {"severity"}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(registry_.Update(change, {}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(registry_.Delete("file", "").code(), absl::StatusCode::kFailedPrecondition);
  const int64_t until = absl::ToUnixSeconds(clock_.Now() + absl::Hours(1));
  change.mutable_muted_until()->set_seconds(until);
  ASSERT_TRUE(registry_.Update(change, {"muted_until"}).ok());
  EXPECT_EQ(registry_.Get("file")->muted_until().seconds(), until);
  // The file's next generation does not end it.
  ASSERT_TRUE(registry_.Reload(File("name = 'y'")).ok());
  EXPECT_EQ(registry_.Get("file")->muted_until().seconds(), until);
  EXPECT_EQ(registry_.Get("file")->condition().sql(), "name = 'y'");
  ASSERT_TRUE(registry_.Update(Parse("id: 'file'"), {"muted_until"}).ok());
  EXPECT_FALSE(registry_.Get("file")->has_muted_until());
  EXPECT_THAT(store_.mutes, IsEmpty());
}

TEST_F(TriggerRegistryTest, AGenerationIsAppliedAsAWholeOrNotAtAll) {
  ASSERT_TRUE(registry_.Load(File()).ok());
  TriggerConfig next = File("name = 'y'");
  next.triggers["bad"] = Parse("id: 'bad' condition { sql: 'nope = 1' }");
  next.triggers["bad"].set_managed_by(v1::TRIGGER_MANAGER_FILE);
  next.paths["bad"] = "triggers[1]";
  EXPECT_THAT(registry_.Reload(next).message(), HasSubstr("triggers[1].condition"));
  EXPECT_EQ(registry_.Get("file")->condition().sql(), "name = 'x'");
  EXPECT_EQ(engine_.Gauges().triggers, 1u);
}

TEST_F(TriggerRegistryTest, WhatTheStoreRefusesDoesNotRun) {
  ASSERT_TRUE(registry_.Load(File()).ok());
  store_.status = absl::ResourceExhaustedError("disk full");
  EXPECT_EQ(registry_.Create(Parse("id: 'a' condition { sql: 'pid = 1' }")).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(registry_.Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(engine_.Gauges().triggers, 1u);
}

TEST_F(TriggerRegistryTest, AStoredTriggerThatIsRefusedNowIsToldAndTheOthersRun) {
  store_.triggers["old"] = Parse("id: 'old' condition { sql: 'column_of_old = 1' }");
  store_.triggers["good"] = Parse("id: 'good' condition { sql: 'pid = 1' }");
  ASSERT_TRUE(registry_.Load(File()).ok());
  EXPECT_EQ(engine_.Gauges().triggers, 2u);
  EXPECT_THAT(registry_.Get("old")->suspended(), HasSubstr("condition"));
  EXPECT_EQ(registry_.Get("good")->suspended(), "");
  EXPECT_THAT(registry_.Problems(), ElementsAre(HasSubstr("trigger old: ")));
  // It can be mended.
  v1::Trigger mended = Parse("id: 'old' condition { sql: 'pid = 2' }");
  EXPECT_TRUE(registry_.Update(mended, {}).ok());
  EXPECT_EQ(engine_.Gauges().triggers, 3u);
  EXPECT_THAT(registry_.Problems(), IsEmpty());
}

TEST_F(TriggerRegistryTest, OneOfTheApiCountsBeforeTheFiles) {
  ASSERT_TRUE(registry_.Load({}).ok());
  ASSERT_TRUE(registry_.Create(Parse("id: 'file' condition { sql: 'pid = 1' }")).ok());
  ASSERT_TRUE(registry_.Reload(File()).ok());
  EXPECT_EQ(registry_.Get("file")->condition().sql(), "pid = 1");
  ASSERT_TRUE(registry_.Delete("file", "").ok());
  EXPECT_EQ(registry_.Get("file")->condition().sql(), "name = 'x'");
}

TEST_F(TriggerRegistryTest, ValidateSaysWhatIsWrongAndChangesNothing) {
  ASSERT_TRUE(registry_.Load({}).ok());
  EXPECT_TRUE(registry_.Validate(Parse("condition { sql: 'pid = 1' }")).valid());
  const v1::ValidateTriggerResponse bad = registry_.Validate(Parse("condition { sql: 'nope' }"));
  EXPECT_FALSE(bad.valid());
  EXPECT_THAT(bad.problems(0).field(), HasSubstr("condition"));
  EXPECT_FALSE(registry_.Validate(Parse("id: 'a'")).valid());
  EXPECT_THAT(registry_.ids(), IsEmpty());
}

}  // namespace
}  // namespace daemoneye::gateway
