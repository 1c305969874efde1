// StoreHistory: the positions of one log that a store holds, for cursors that begin before the
// ring.
//
// Threads:    any.
// Ownership:  borrows the store.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/event_bus/log_history.h"
#include "libs/storage/event_store.h"

namespace daemoneye::monitor {

class StoreHistory final : public event_bus::LogHistory {
 public:
  StoreHistory(const storage::EventStore& store, std::string stream_id)
      : store_(store), stream_id_(std::move(stream_id)) {}

  absl::StatusOr<std::vector<Position>> Read(uint64_t after_sequence, size_t max_events,
                                             size_t max_bytes) const override {
    ASSIGN_OR_RETURN(storage::LogPage page,
                     store_.ReadLog(stream_id_, after_sequence, max_events, max_bytes));
    std::vector<Position> positions;
    positions.reserve(page.positions.size());
    for (storage::LogPage::Position& position : page.positions) {
      positions.push_back({position.sequence, std::move(position.bytes)});
    }
    return positions;
  }

 private:
  const storage::EventStore& store_;
  const std::string stream_id_;
};

}  // namespace daemoneye::monitor
