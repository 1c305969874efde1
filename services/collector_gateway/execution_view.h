// ExecutionView: executions wherever they are: in the engine while they run and for a while after,
// in the store from then on.
//
// Threads:    all methods from any; they read the store, so they may block.
// Ownership:  borrows the engine and the store, which outlive it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/workflow_service.pb.h"
#include "libs/analysis/workflow_engine.h"
#include "libs/storage/execution_store.h"

namespace daemoneye::gateway {

class ExecutionView {
 public:
  // Without a `store`: what the engine remembers.
  ExecutionView(const analysis::WorkflowEngine& engine, const storage::ExecutionStore* store)
      : engine_(engine), store_(store) {}

  // As it is now. NotFound.
  absl::StatusOr<analysis::ExecutionPtr> Get(std::string_view id) const;

  // One page, the newest first. InvalidArgument: page_token. While the store cannot be written,
  // what the engine knows comes first, since the store is behind.
  absl::Status List(const v1::ListExecutionsRequest& request,
                    v1::ListExecutionsResponse& response) const;

 private:
  // Where a page begins, and of what.
  struct Place {
    enum class In {
      kStore,   // what the store holds, as the engine knows it
      kMemory,  // what the engine knows
      kRest,    // what the store holds and the engine does not know
    };
    In in = In::kStore;
    uint64_t before_number = 0;                               // of the store; 0: at its newest
    int64_t before_ns = std::numeric_limits<int64_t>::max();  // of memory
    std::string before_id;
  };
  class Page;

  static absl::StatusOr<Place> ParseToken(const std::string& token);
  // False: the page is full.
  bool ListMemory(const Place& place, Page& page) const;
  absl::Status ListStore(const Place& place, Page& page) const;

  const analysis::WorkflowEngine& engine_;
  const storage::ExecutionStore* const store_;
};

bool HasEnded(const v1::WorkflowExecution& execution);

// What a message of an execution may weigh, gRPC's clients taking 4 MiB; beyond, what stages found
// in detail is left out, the largest first, and completeness says so.
inline constexpr size_t kMaxExecutionBytes = 3 << 20;
v1::WorkflowExecution FitMessage(const v1::WorkflowExecution& execution);

}  // namespace daemoneye::gateway
