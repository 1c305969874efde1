#include "libs/collector/loss_ledger.h"

#include <algorithm>
#include <utility>

namespace daemoneye::collector {
namespace {

using base::operator+;

void SetTime(absl::Time time, google::protobuf::Timestamp& out) {
  const int64_t ns = absl::ToUnixNanos(time);
  out.set_seconds(ns / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(ns % 1'000'000'000));
}

}  // namespace

LossLedger::Entry& LossLedger::Find(const Loss& loss) {
  std::string_view stage = loss.stage;
  std::string_view reason = loss.reason;
  for (int pass = 0;; ++pass) {
    for (Entry& entry : entries_) {
      if (entry.stage == stage && entry.reason == reason && entry.is_counted == loss.is_counted) {
        return entry;
      }
    }
    // Two entries are kept back for what no longer fits: counted and not.
    if (pass > 0 || entries_.size() < kMaxLossKinds - 2) break;
    stage = reason = "other";
  }
  Entry& entry = entries_.emplace_back();
  entry.stage = stage;
  entry.reason = reason;
  entry.is_counted = loss.is_counted;
  return entry;
}

void LossLedger::Record(const Loss& loss, absl::Time now) {
  Entry& entry = Find(loss);
  if (!entry.is_untold) {
    entry.is_untold = true;
    entry.is_count_known = true;
    entry.count = 0;
    entry.since = now;
    entry.source = loss.source;
  }
  if (entry.source != loss.source) entry.source.clear();
  entry.until = std::max(now, entry.since);
  if (!loss.count.has_value()) {
    ++entry.unknown;
    entry.is_count_known = false;
    return;
  }
  entry.count += *loss.count;
  entry.total += *loss.count;
}

std::optional<base::Monotonic> LossLedger::next_due() const {
  std::optional<base::Monotonic> due;
  for (const Entry& entry : entries_) {
    if (!entry.is_untold) continue;
    const base::Monotonic entry_due = entry.not_before.value_or(base::Monotonic::min());
    due = due.has_value() ? std::min(*due, entry_due) : entry_due;
  }
  return due;
}

event::EventList LossLedger::TakeDue(base::Monotonic now, absl::Time wall, bool flush) {
  event::EventList events;
  for (Entry& entry : entries_) {
    if (!entry.is_untold) continue;
    if (!flush && entry.not_before.has_value() && now < *entry.not_before) continue;
    entry.not_before = now + kLossNoticeInterval;
    events.push_back(Tell(entry, wall));
  }
  return events;
}

event::Event LossLedger::Tell(Entry& entry, absl::Time wall) const {
  entry.is_untold = false;
  event::Event event;
  event.set_source(entry.source);
  SetTime(entry.until, *event.mutable_event_time());
  SetTime(wall, *event.mutable_observed_time());
  v1::LossEvent& loss = *event.mutable_loss();
  loss.set_monitor(monitor_);
  loss.set_stage(entry.stage);
  loss.set_reason(entry.reason);
  if (entry.is_count_known) loss.set_count(entry.count);
  loss.set_total(entry.total);
  SetTime(entry.since, *loss.mutable_since());
  SetTime(entry.until, *loss.mutable_until());
  return event;
}

std::vector<DropCount> LossLedger::drops() const {
  std::vector<DropCount> drops;
  for (const Entry& entry : entries_) {
    if (entry.is_counted) drops.push_back({entry.stage, entry.reason, entry.total, entry.unknown});
  }
  return drops;
}

}  // namespace daemoneye::collector
