// DetectionStage: DETECTION without an analyzer: a verdict by SQL, or the worst of the verdicts
// before (stage_verdict.h).
//
// A statement sees the tables of GatewayService.Query, and beside them :process_key, :pid, :path,
// :host and :correlation_id (NULL where unknown), :event (JSON, NULL without one) and :results
// (JSON: stage id → {status, verdict, confidence, authoritative, summary, result}), of the stages
// that it waits for, directly or not. Rows say that something was found:
//
//   verdict     'UNKNOWN', 'CLEAN', 'SUSPICIOUS' or 'MALICIOUS'; without it, or NULL: SUSPICIOUS
//   severity    'INFO' .. 'CRITICAL': of the alert; in the result as "severity"
//   confidence  0..1; without it, or NULL: 1
//   summary     one sentence: the alert's title
//
// of the first row; another value is an error of the stage. No row: CLEAN; UNKNOWN where a stage
// before did not complete, or what it or the statement rests on is not whole.
//
// Threads:    BlockingStages' for SQL, one that lets two statements run at a time; else Begin's.
// Ownership:  borrows the pool and the queries, which outlive it.
// Bounds:     those of GatewayService.Query; 30 s, or the stage's timeout up to 10 min; 100 rows;
//             :event and :results 256 KiB each: the largest results are left out, which makes the
//             answer incomplete.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "libs/analysis/stage_runner.h"
#include "services/collector_gateway/blocking_stages.h"
#include "services/collector_gateway/query_engine.h"

namespace daemoneye::gateway {

class DetectionStage final : public analysis::StageRunner {
 public:
  DetectionStage(BlockingStages& stages, const QueryEngine& queries)
      : stages_(stages), queries_(queries) {}

  analysis::Begun Begin(const analysis::StageWork& work, Done done) override;

 private:
  analysis::StageOutcome RunSql(const analysis::StageWork& work, std::stop_token stop) const;

  BlockingStages& stages_;
  const QueryEngine& queries_;
};

// Whether such a stage could run `sql`: InvalidArgument "sql: <what> at position <n>".
absl::Status CheckDetectionSql(std::string_view sql);

}  // namespace daemoneye::gateway
