// EventSelector: one subscriber's filter, its fields and its SQL together.
//
// Threads:    compatible; one thread at a time (an SQL statement has state), but for verdict() and
//             possible(), which any thread may ask.
// Cost:       a table look-up an event where kinds, actions and topics decide.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/event/filter.h"
#include "libs/event_bus/event_batch.h"
#include "libs/event_bus/event_classes.h"
#include "libs/sql/sql_filter.h"

namespace daemoneye::event_bus {

class EventSelector {
 public:
  // InvalidArgument, naming the field.
  static absl::StatusOr<EventSelector> Create(const v1::EventFilter& filter);

  event::TraitsVerdict verdict(const EventTraits& traits) const {
    return verdicts_[ClassOf(traits)];
  }
  // Classes of which an event may pass.
  const ClassMask& possible() const { return possible_; }
  bool has_sql() const { return sql_ != nullptr; }

  // Sets `passes` to one entry for each of events [first, first + count) of `batch`.
  void Select(const EventBatch& batch, size_t first, size_t count, std::vector<uint8_t>& passes);

  // The same for events that are no batch.
  void Select(std::span<const event::Event* const> events, std::vector<uint8_t>& passes);

  // Events whose SQL failed or ran out of its budget; they do not pass.
  uint64_t failed_events() const { return sql_ == nullptr ? 0 : sql_->failed_events(); }

  // Lets go of what was kept of the last batch.
  void Forget() { parsed_.reset(); }

 private:
  explicit EventSelector(event::CompiledFilter filter) : filter_(std::move(filter)) {}

  void ApplySql(std::vector<uint8_t>& passes);

  event::CompiledFilter filter_;
  std::unique_ptr<sql::SqlFilter> sql_;
  std::array<event::TraitsVerdict, kClassCount> verdicts_{};
  ClassMask possible_;
  // The parsed form of the batch that is being read, so that reading it in pieces parses it once.
  std::shared_ptr<const event::EventList> parsed_;
  uint64_t parsed_first_sequence_ = 0;
  // Scratch: the events that SQL decides, and where they stand.
  std::vector<const event::Event*> candidates_;
  std::vector<size_t> candidate_indexes_;
  std::vector<bool> sql_passes_;
};

}  // namespace daemoneye::event_bus
