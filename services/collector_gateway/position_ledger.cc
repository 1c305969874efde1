#include "services/collector_gateway/position_ledger.h"

namespace daemoneye::gateway {
namespace {

using base::operator+;

constexpr absl::Duration kInterval = absl::Milliseconds(250);

}  // namespace

void PositionLedger::Note(const std::string& stream_id, uint64_t sequence) {
  const base::Monotonic now = clock_.MonotonicNow();
  {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(stream_id);
    if (found == entries_.end() && entries_.size() >= kMaxLogs) return;
    // One that still waits stays: a newer one would wait for a later place, again and again.
    if (found != entries_.end() && (found->second.is_pending || now < found->second.next_note)) {
      return;
    }
  }
  const uint64_t position = log_position_();
  base::MutexLock lock(mu_);
  entries_[stream_id] = {.sequence = sequence,
                         .log_position = position,
                         .is_pending = true,
                         .next_note = now + kInterval};
}

std::vector<storage::LogMark> PositionLedger::Take(uint64_t stored_up_to) {
  std::vector<storage::LogMark> marks;
  base::MutexLock lock(mu_);
  for (auto& [stream_id, entry] : entries_) {
    if (!entry.is_pending || entry.log_position > stored_up_to) continue;
    entry.is_pending = false;
    marks.push_back({.stream_id = stream_id, .sequence = entry.sequence});
  }
  return marks;
}

}  // namespace daemoneye::gateway
