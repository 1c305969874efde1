#include "libs/sources/process/process_table.h"

namespace daemoneye::process {

ProcessTable::Entry& ProcessTable::Add(std::unique_ptr<ProcessRecord> record) {
  Entry& entry = entries_[record->pid];
  entry.start_ticks = record->start_ticks;
  Restore(entry, std::move(record));
  return entry;
}

void ProcessTable::Restore(Entry& entry, std::unique_ptr<ProcessRecord> record) {
  entry.order = next_order_++;
  ages_.emplace_back(entry.order, record->pid);
  bytes_ += record->byte_size();
  ++records_;
  entry.record = std::move(record);
}

void ProcessTable::Remove(uint32_t pid) {
  const auto found = entries_.find(pid);
  if (found == entries_.end()) return;
  if (found->second.record != nullptr) {
    bytes_ -= found->second.record->byte_size();
    --records_;
  }
  entries_.erase(found);
  // Stale ages never outnumber the records by more than a factor of two.
  if (ages_.size() <= 64 || ages_.size() <= 2 * records_) return;
  std::erase_if(ages_, [this](const std::pair<uint64_t, uint32_t>& age) {
    const Entry* entry = Find(age.second);
    return entry == nullptr || entry->order != age.first || entry->record == nullptr;
  });
}

size_t ProcessTable::Evict() {
  size_t count = 0;
  while ((records_ > max_records_ || bytes_ > max_bytes_) && !ages_.empty()) {
    const auto [order, pid] = ages_.front();
    ages_.pop_front();
    Entry* entry = Find(pid);
    if (entry == nullptr || entry->order != order || entry->record == nullptr) continue;
    bytes_ -= entry->record->byte_size();
    --records_;
    entry->record.reset();
    ++count;
  }
  return count;
}

}  // namespace daemoneye::process
