#include "libs/alerting/memory_alert_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "libs/alerting/alert_filter.h"

namespace daemoneye::alerting {
namespace {

using base::MutexLock;

absl::Status NoDelivery(std::string_view sink, uint64_t sequence) {
  return absl::NotFoundError(
      fmt::format("no pending delivery sink={} sequence={}", sink, sequence));
}

}  // namespace

absl::StatusOr<uint64_t> MemoryAlertStore::Append(v1::Alert& alert,
                                                  std::span<const std::string> sinks,
                                                  absl::Time now) {
  const MutexLock lock(mu_);
  if (FindLocked(alert.id()) != nullptr) {
    return absl::AlreadyExistsError(fmt::format("alert known id={}", alert.id()));
  }
  alert.set_sequence(++newest_);
  Entry entry{.alert = alert, .bytes = alert.ByteSizeLong() + sizeof(Entry), .created = now};
  for (const std::string& sink : sinks) {
    entry.rows.push_back({.sink = sink, .next_attempt = now, .created = now});
  }
  bytes_ += entry.bytes;
  sequences_[alert.id()] = newest_;
  entries_.push_back(std::move(entry));
  MakeRoomLocked();
  return newest_;
}

storage::Delivery MemoryAlertStore::DeliveryOf(const Entry& entry, const Row& row) {
  return {.sink = row.sink,
          .alert = entry.alert,
          .attempts = row.attempts,
          .next_attempt = row.next_attempt,
          .created = row.created,
          .last_error = row.last_error};
}

void MemoryAlertStore::MakeRoomLocked() {
  while (entries_.size() > 1 &&
         (entries_.size() > bounds_.max_alerts || bytes_ > bounds_.max_bytes)) {
    lost_deliveries_ += static_cast<uint64_t>(
        std::ranges::count_if(entries_.front().rows, [](const Row& r) { return !r.is_dead; }));
    PopFrontLocked();
  }
}

void MemoryAlertStore::PopFrontLocked() {
  bytes_ -= entries_.front().bytes;
  sequences_.erase(entries_.front().alert.id());
  entries_.pop_front();
}

const MemoryAlertStore::Entry* MemoryAlertStore::FindLocked(std::string_view id) const {
  const auto found = sequences_.find(std::string(id));
  return found == sequences_.end() ? nullptr
                                   : &entries_[found->second - entries_.front().alert.sequence()];
}

absl::StatusOr<v1::Alert> MemoryAlertStore::Get(std::string_view id) const {
  const MutexLock lock(mu_);
  const Entry* entry = FindLocked(id);
  if (entry == nullptr) return absl::NotFoundError(fmt::format("no alert id={}", id));
  return entry->alert;
}

absl::StatusOr<std::vector<v1::Alert>> MemoryAlertStore::List(const v1::AlertFilter& filter,
                                                              uint64_t before_sequence,
                                                              size_t max_alerts) const {
  const MutexLock lock(mu_);
  std::vector<v1::Alert> found;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && found.size() < max_alerts;
       ++entry) {
    if (before_sequence != 0 && entry->alert.sequence() >= before_sequence) continue;
    if (Matches(filter, entry->alert)) found.push_back(entry->alert);
  }
  return found;
}

absl::StatusOr<std::vector<v1::Alert>> MemoryAlertStore::ReadAfter(const v1::AlertFilter& filter,
                                                                   uint64_t after_sequence,
                                                                   size_t max_alerts) const {
  const MutexLock lock(mu_);
  std::vector<v1::Alert> found;
  auto entry = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.alert.sequence() <= after_sequence;
  });
  for (; entry != entries_.end() && found.size() < max_alerts; ++entry) {
    if (Matches(filter, entry->alert)) found.push_back(entry->alert);
  }
  return found;
}

absl::StatusOr<storage::AlertRange> MemoryAlertStore::range() const {
  const MutexLock lock(mu_);
  return storage::AlertRange{
      .oldest = entries_.empty() ? newest_ + 1 : entries_.front().alert.sequence(),
      .newest = newest_};
}

absl::StatusOr<v1::Alert> MemoryAlertStore::Acknowledge(std::string_view id, std::string_view by,
                                                        std::string_view comment, absl::Time now) {
  const MutexLock lock(mu_);
  auto* entry = const_cast<Entry*>(FindLocked(id));
  if (entry == nullptr) return absl::NotFoundError(fmt::format("no alert id={}", id));
  entry->alert.set_state(v1::ALERT_STATE_ACKNOWLEDGED);
  entry->alert.set_acknowledged_by(std::string(by));
  entry->alert.set_comment(std::string(comment));
  const int64_t ns = absl::ToUnixNanos(now);
  entry->alert.mutable_acknowledged_at()->set_seconds(ns / 1'000'000'000);
  entry->alert.mutable_acknowledged_at()->set_nanos(static_cast<int32_t>(ns % 1'000'000'000));
  return entry->alert;
}

MemoryAlertStore::Row* MemoryAlertStore::RowLocked(std::string_view sink, uint64_t sequence) {
  if (entries_.empty() || sequence < entries_.front().alert.sequence() || sequence > newest_) {
    return nullptr;
  }
  Entry& entry = entries_[sequence - entries_.front().alert.sequence()];
  const auto row = std::ranges::find(entry.rows, sink, &Row::sink);
  return row == entry.rows.end() ? nullptr : &*row;
}

uint64_t MemoryAlertStore::lost_deliveries() const {
  const MutexLock lock(mu_);
  return lost_deliveries_;
}

absl::StatusOr<std::vector<storage::Delivery>> MemoryAlertStore::Pending(
    std::string_view sink, size_t max_deliveries) const {
  const MutexLock lock(mu_);
  std::vector<storage::Delivery> found;
  for (const Entry& entry : entries_) {
    if (found.size() == max_deliveries) break;
    const auto row = std::ranges::find(entry.rows, sink, &Row::sink);
    if (row == entry.rows.end() || row->is_dead) continue;
    found.push_back(DeliveryOf(entry, *row));
  }
  return found;
}

absl::StatusOr<std::vector<storage::Delivery>> MemoryAlertStore::DeadLetters(
    const storage::DeadLetterFilter& filter, const storage::DeadLetterPosition& after,
    size_t max_letters) const {
  const MutexLock lock(mu_);
  // As pointers: all of them are looked at, a page is copied.
  std::vector<std::pair<const Entry*, const Row*>> letters;
  for (const Entry& entry : entries_) {
    if (!filter.alert_id.empty() && entry.alert.id() != filter.alert_id) continue;
    for (const Row& row : entry.rows) {
      const bool is_wanted =
          row.is_dead && (filter.sink.empty() || row.sink == filter.sink) &&
          std::pair(row.sink, entry.alert.sequence()) > std::pair(after.sink, after.sequence);
      if (is_wanted) letters.emplace_back(&entry, &row);
    }
  }
  std::ranges::sort(letters, {}, [](const auto& letter) {
    return std::pair(std::string_view(letter.second->sink), letter.first->alert.sequence());
  });
  if (letters.size() > max_letters) letters.resize(max_letters);
  std::vector<storage::Delivery> found;
  for (const auto& [entry, row] : letters) found.push_back(DeliveryOf(*entry, *row));
  return found;
}

absl::Status MemoryAlertStore::MarkDelivered(std::string_view sink, uint64_t sequence) {
  const MutexLock lock(mu_);
  Row* row = RowLocked(sink, sequence);
  if (row == nullptr) return NoDelivery(sink, sequence);
  auto& rows = entries_[sequence - entries_.front().alert.sequence()].rows;
  rows.erase(rows.begin() + (row - rows.data()));
  return absl::OkStatus();
}

absl::Status MemoryAlertStore::MarkFailed(std::string_view sink, uint64_t sequence,
                                          absl::Time next_attempt, std::string_view error) {
  const MutexLock lock(mu_);
  Row* row = RowLocked(sink, sequence);
  if (row == nullptr) return NoDelivery(sink, sequence);
  ++row->attempts;
  row->next_attempt = next_attempt;
  row->last_error = error;
  return absl::OkStatus();
}

absl::Status MemoryAlertStore::MarkDead(std::string_view sink, uint64_t sequence,
                                        std::string_view error) {
  const MutexLock lock(mu_);
  Row* row = RowLocked(sink, sequence);
  if (row == nullptr) return NoDelivery(sink, sequence);
  row->is_dead = true;
  ++row->attempts;
  row->last_error = error;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MemoryAlertStore::ReplayDead(std::string_view sink,
                                                      std::string_view alert_id, absl::Time now) {
  const MutexLock lock(mu_);
  uint64_t replayed = 0;
  for (Entry& entry : entries_) {
    if (!alert_id.empty() && entry.alert.id() != alert_id) continue;
    for (Row& row : entry.rows) {
      if (row.sink != sink || !row.is_dead) continue;
      row = {.sink = row.sink, .next_attempt = now, .created = now, .last_error = row.last_error};
      ++replayed;
    }
  }
  return replayed;
}

absl::StatusOr<uint64_t> MemoryAlertStore::DropOtherSinks(std::span<const std::string> sinks) {
  const MutexLock lock(mu_);
  uint64_t dropped = 0;
  for (Entry& entry : entries_) {
    dropped += std::erase_if(entry.rows, [&](const Row& row) {
      return std::ranges::find(sinks, row.sink) == sinks.end();
    });
  }
  return dropped;
}

absl::StatusOr<storage::OutboxStatistics> MemoryAlertStore::Outbox(std::string_view sink) const {
  const MutexLock lock(mu_);
  storage::OutboxStatistics statistics;
  for (const Entry& entry : entries_) {
    for (const Row& row : entry.rows) {
      if (row.sink != sink) continue;
      ++(row.is_dead ? statistics.dead : statistics.pending);
      if (!row.is_dead && !statistics.oldest_pending) statistics.oldest_pending = row.created;
    }
  }
  return statistics;
}

absl::StatusOr<uint64_t> MemoryAlertStore::PruneAlerts(absl::Time before, uint64_t max_kept,
                                                       size_t max_alerts) {
  const MutexLock lock(mu_);
  uint64_t pruned = 0;
  while (!entries_.empty() && pruned < max_alerts && entries_.front().rows.empty() &&
         (entries_.front().created < before || entries_.size() > max_kept)) {
    PopFrontLocked();
    ++pruned;
  }
  return pruned;
}

}  // namespace daemoneye::alerting
