// AnalyzerPool: the analyzers there are, each asked within what it takes on. Of several with one
// name the first that can be asked and has room is.
//
// Threads:    any. No thread of its own.
// Ownership:  shares the analyzers; borrows the clock, which outlives it. Calls under way hold what
//             they need, so they may end after the pool has gone.
// Bounds:     32 analyzers; each its own rate and concurrency, 10 at once where it names none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "libs/analysis/analyzer.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"

namespace daemoneye::analysis {

inline constexpr uint32_t kDefaultConcurrency = 10;

struct AnalyzerStatus {
  std::string address;
  v1::NegotiateAnalysisResponse capabilities;
  std::string problem;
  uint32_t under_way = 0;
  // Answers by status code, "OK" among them.
  std::map<std::string, uint64_t> answers;
};

class AnalyzerPool {
 public:
  AnalyzerPool(std::vector<std::shared_ptr<Analyzer>> analyzers, base::Clock& clock);
  ~AnalyzerPool();

  // Whether `analyzer` can be asked for this kind of analysis with that priority, whether or not it
  // has room: FailedPrecondition, naming what it can do or, where there is none of that name, who
  // there is. Unavailable: as that, but some have not answered yet.
  absl::Status Check(std::string_view analyzer, v1::AnalysisType type, std::string_view custom_type,
                     v1::TriggerPriority priority) const;

  // Asks `analyzer`. An error of Check goes to `done`. Without a call: no room.
  Begun Begin(std::string_view analyzer, const v1::AnalyzeRequest& request, absl::Duration timeout,
              const Analyzer::Done& done);

  // Called when a call has ended, on any thread; quick. An empty function ends it: no call is under
  // way when this returns.
  void SetOnRoom(std::function<void()> on_room);

  std::vector<AnalyzerStatus> statuses() const;

 private:
  class Slots;

  // Those of that name that can be asked; where none can, all of that name.
  std::vector<std::shared_ptr<Slots>> Find(std::string_view name) const;

  std::vector<std::shared_ptr<Slots>> slots_;
};

}  // namespace daemoneye::analysis
