#include "services/collector_gateway/detection_stage.h"

#include <string>
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

class DetectionStageTest : public ::testing::Test {
 protected:
  // Stage "detect" with `sql` behind "hash" (ANALYSIS), whose state is `hash`, and beside "other".
  static analysis::StageWork Work(const std::string& sql, const std::string& hash) {
    return WorkOf(
        fmt::format(
            R"(id: 'e' correlation_id: 'c-1' target {{ process_key: 'key-7' pid: 7 host: 'h' }}
               event {{ source: 'process-exec' process {{ action: PROCESS_ACTION_EXEC name: 'nc' }} }}
               workflow {{ stages {{ id: 'hash' kind: WORKFLOW_STAGE_KIND_ANALYSIS }}
                          stages {{ id: 'detect' kind: WORKFLOW_STAGE_KIND_DETECTION
                                   depends_on: 'hash' detection {{ sql: "{}" }} }}
                          stages {{ id: 'other' kind: WORKFLOW_STAGE_KIND_ANALYSIS }} }}
               stages {{ stage_id: 'hash' {} }} stages {{ stage_id: 'detect' }}
               stages {{ stage_id: 'other' status: STAGE_STATUS_FAILED }})",
            sql, hash),
        1);
  }
  absl::StatusOr<v1::AnalysisResult> Run(const std::string& sql, const std::string& hash = kDone) {
    return OutcomeOf(stage_, Work(sql, hash)).result;
  }

  static constexpr char kDone[] =
      "status: STAGE_STATUS_COMPLETED result { verdict: ANALYSIS_VERDICT_CLEAN confidence: 0.75 "
      "authoritative: true completeness { complete: true } result { fields { key: 'files' value { "
      "list_value { values { struct_value { fields { key: 'size' value { number_value: 5 } } } } } "
      "} } } }";

  KnownGateway known_;
  BlockingStages stages_{{.name = "detect", .threads = 2}, base::Clock::Real()};
  DetectionStage stage_{stages_, known_.queries()};
};

TEST_F(DetectionStageTest, AStatementSeesTargetEventAndResults) {
  const auto result =
      Run("SELECT :process_key AS k, :pid + 1 AS p, :path AS f, :host AS h, :correlation_id AS c, "
          ":event ->> '$.process.name' AS n, json_extract(:results, '$.hash.verdict') AS v, "
          "json_extract(:results, '$.hash.result.files[0].size') AS s, "
          ":results ->> '$.hash.confidence' AS conf, (SELECT count(*) FROM json_each(:results)) AS "
          "all_");
  ASSERT_TRUE(result.ok()) << result.status();
  const Struct& row = result->result().fields().at("row").struct_value();
  EXPECT_EQ(TextOf(row, "k"), "key-7");
  EXPECT_EQ(row.fields().at("p").number_value(), 8);
  EXPECT_FALSE(row.fields().contains("f")) << "NULL where the target has none";
  EXPECT_EQ(TextOf(row, "h"), "h");
  EXPECT_EQ(TextOf(row, "c"), "c-1");
  EXPECT_EQ(TextOf(row, "n"), "nc");
  EXPECT_EQ(TextOf(row, "v"), "CLEAN");
  EXPECT_EQ(row.fields().at("s").number_value(), 5);
  EXPECT_EQ(row.fields().at("conf").number_value(), 0.75);
  EXPECT_EQ(row.fields().at("all_").number_value(), 1) << "a stage beside is not one before";
}

TEST_F(DetectionStageTest, TheFirstRowSaysTheVerdict) {
  struct Case {
    const char* sql;
    v1::AnalysisVerdict verdict;
    double confidence;
    const char* severity;
    const char* summary;
  };
  for (const Case& c : std::vector<Case>{
           {"SELECT 1", v1::ANALYSIS_VERDICT_SUSPICIOUS, 1, "", ""},
           {"SELECT 'MALICIOUS' AS verdict, 'HIGH' AS severity, 0.5 AS confidence, 'bad' AS "
            "summary UNION ALL SELECT 'CLEAN', 'LOW', 1, 'good'",
            v1::ANALYSIS_VERDICT_MALICIOUS, 0.5, "HIGH", "bad"},
           {"SELECT 'clean' AS Verdict, 'severity_low' AS SEVERITY, 1 AS confidence",
            v1::ANALYSIS_VERDICT_CLEAN, 1, "LOW", ""},
           {"SELECT NULL AS verdict, NULL AS severity, NULL AS confidence, NULL AS summary",
            v1::ANALYSIS_VERDICT_SUSPICIOUS, 1, "", ""}}) {
    const auto result = Run(c.sql);
    ASSERT_TRUE(result.ok()) << c.sql << ": " << result.status();
    EXPECT_EQ(result->verdict(), c.verdict) << c.sql;
    EXPECT_EQ(result->confidence(), c.confidence) << c.sql;
    EXPECT_EQ(TextOf(result->result(), "severity"), c.severity) << c.sql;
    EXPECT_EQ(result->summary(), c.summary) << c.sql;
    EXPECT_TRUE(result->authoritative()) << c.sql;
  }
}

TEST_F(DetectionStageTest, AValueThatMeansNothingIsAnError) {
  for (const auto& [sql, what] : std::vector<std::pair<std::string, std::string>>{
           {"SELECT 'BAD' AS verdict", "column verdict is \"BAD\""},
           {"SELECT 'UNSPECIFIED' AS verdict", "column verdict"},
           {"SELECT 7 AS severity", "column severity is \"7\""},
           {"SELECT 1.5 AS confidence", "column confidence is \"1.5\", not 0 to 1"},
           {"SELECT 'much' AS confidence", "column confidence"}}) {
    const auto result = Run(sql);
    EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << sql << result.status();
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(what)) << sql;
  }
}

TEST_F(DetectionStageTest, NoRowIsCleanOnlyWhereAllCouldBeLookedAt) {
  const std::string nothing = "SELECT 1 WHERE :pid > 100";
  const auto clean = Run(nothing);
  ASSERT_TRUE(clean.ok()) << clean.status();
  EXPECT_EQ(clean->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
  EXPECT_TRUE(clean->completeness().complete());
  for (const char* hash :
       {"status: STAGE_STATUS_FAILED error: 'gone'", "status: STAGE_STATUS_SKIPPED",
        "status: STAGE_STATUS_COMPLETED result { verdict: ANALYSIS_VERDICT_CLEAN confidence: 1 "
        "authoritative: true completeness { reasons: 'half' } }"}) {
    const auto unknown = Run(nothing, hash);
    ASSERT_TRUE(unknown.ok()) << unknown.status();
    EXPECT_EQ(unknown->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN) << hash;
    EXPECT_EQ(unknown->confidence(), 0) << hash;
    EXPECT_FALSE(unknown->completeness().complete()) << hash;
    EXPECT_THAT(unknown->completeness().reasons(0), HasSubstr("stage hash: ")) << hash;
  }
}

TEST_F(DetectionStageTest, ReadsHistoryAndWhatIsNow) {
  known_.Tell(KnownGateway::Start(1, 0, "init"));
  known_.Tell(KnownGateway::Start(7, 1, "nc"));
  const auto result = Run(
      "SELECT 'MALICIOUS' AS verdict, name AS summary FROM processes WHERE process_key = "
      ":process_key AND EXISTS (SELECT 1 FROM process_events WHERE process_key = :process_key)");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_MALICIOUS);
  EXPECT_EQ(result->summary(), "nc");
}

TEST_F(DetectionStageTest, WithoutAStoreItReadsWhatIsThere) {
  const QueryEngine no_store({}, base::Clock::Real());
  DetectionStage stage(stages_, no_store);
  const auto result =
      OutcomeOf(stage, Work("SELECT :results ->> '$.hash.verdict' AS verdict", kDone)).result;
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_CLEAN);
}

TEST_F(DetectionStageTest, WhatDoesNotFitIsLeftOutAndToldAndCannotMeanClean) {
  const std::string large = fmt::format(
      "status: STAGE_STATUS_COMPLETED result {{ verdict: ANALYSIS_VERDICT_CLEAN "
      "confidence: 1 authoritative: true completeness {{ complete: true }} result {{ "
      "fields {{ key: 'x' value {{ string_value: '{}' }} }} }} }}",
      std::string(300'000, 'x'));
  const auto result = Run("SELECT 1 WHERE :results ->> '$.hash.result' IS NOT NULL", large);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);
  EXPECT_THAT(result->completeness().reasons(),
              ElementsAre("stage hash: its result does not fit :results"));
  const auto fits = Run("SELECT length(:results ->> '$.hash.result.x') = 90000 AS summary",
                        fmt::format("status: STAGE_STATUS_COMPLETED result {{ result {{ fields {{ "
                                    "key: 'x' value {{ string_value: '{}' }} }} }} }}",
                                    std::string(90'000, 'x')));
  ASSERT_TRUE(fits.ok()) << fits.status();
  EXPECT_EQ(fits->summary(), "1");
}

TEST_F(DetectionStageTest, AStatementThatNeverEndsIsCutOff) {
  analysis::StageWork work =
      Work("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
           kDone);
  work.timeout = absl::Milliseconds(50);
  EXPECT_TRUE(absl::IsDeadlineExceeded(OutcomeOf(stage_, work).result.status()));
}

TEST_F(DetectionStageTest, WithoutSqlTheStagesBeforeDecideAtOnce) {
  v1::AnalysisResult result;
  const analysis::Begun begun = stage_.Begin(
      Work("", kDone), [&](const analysis::StageOutcome& outcome) { result = *outcome.result; });
  EXPECT_NE(begun.call, nullptr);
  EXPECT_EQ(result.verdict(), v1::ANALYSIS_VERDICT_CLEAN);
  EXPECT_EQ(result.confidence(), 0.75);
  EXPECT_EQ(TextOf(result.result(), "decided_by"), "hash");
  EXPECT_TRUE(result.authoritative());
}

TEST(CheckDetectionSqlTest, TakesWhatCanRunAndTellsWhereWhatCannotIsWrong) {
  for (const char* sql :
       {"SELECT 1", "SELECT :pid, :event, :results, :path, :host, :process_key, :correlation_id",
        "SELECT json_extract(:results, '$.a') FROM process_events WHERE name = :path",
        "SELECT value ->> 'verdict' FROM json_each(:results), processes"}) {
    EXPECT_TRUE(CheckDetectionSql(sql).ok()) << sql << CheckDetectionSql(sql);
  }
  for (const auto& [sql, what] : std::vector<std::pair<std::string, std::string>>{
           {"SELECT nme FROM process_events", "no such column: nme at position 8"},
           {"SELECT :pdi", "unknown parameter :pdi at position 8: there are :correlation_id"},
           {"SELECT ?", "unknown parameter ? at position 8"},
           {"SELECT ?1", "unknown parameter ?1"},
           {"DELETE FROM alerts", "may not be modified"},
           {"SELECT 1; SELECT 2", "a second statement"},
           {"SELECT load_extension('x')", "function load_extension() is not allowed"},
           {"", "no statement"},
           {"SELECT 1 FROM nowhere", "no such table: nowhere"}}) {
    const absl::Status status = CheckDetectionSql(sql);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << sql;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what)) << sql;
    EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("sql: ")) << sql;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(CheckDetectionSql(std::string(65 * 1024, ' '))));
}

}  // namespace
}  // namespace daemoneye::gateway
