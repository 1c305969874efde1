#include "libs/sql/process_table.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "libs/event/parse_again.h"
#include "libs/sql/event_tables.h"

namespace daemoneye::sql {
namespace {

// Of the events' columns, those that say something of a process rather than of an event.
constexpr auto kColumns = std::to_array<const char*>({"process_key",
                                                      "parent_key",
                                                      "pid",
                                                      "ppid",
                                                      "container_pid",
                                                      "name",
                                                      "parent_name",
                                                      "executable_path",
                                                      "parent_executable_path",
                                                      "command_line",
                                                      "command_line_json",
                                                      "start_time",
                                                      "cpu_usage_percent",
                                                      "memory_usage_bytes",
                                                      "executable_hash",
                                                      "hash_algorithm",
                                                      "hash_state",
                                                      "user_id",
                                                      "effective_user_id",
                                                      "group_id",
                                                      "login_user_id",
                                                      "user_name",
                                                      "session_id",
                                                      "tty",
                                                      "working_directory",
                                                      "container_id",
                                                      "pod_uid",
                                                      "cgroup_path",
                                                      "namespaces_cgroup",
                                                      "namespaces_ipc",
                                                      "namespaces_mnt",
                                                      "namespaces_net",
                                                      "namespaces_pid",
                                                      "namespaces_time",
                                                      "namespaces_user",
                                                      "namespaces_uts",
                                                      "capabilities_effective",
                                                      "capabilities_permitted",
                                                      "capabilities_inheritable",
                                                      "capabilities_bounding",
                                                      "capabilities_ambient",
                                                      "exec_count",
                                                      "accessible",
                                                      "file_exists",
                                                      "on_disk_mismatch",
                                                      "exit_code",
                                                      "exit_signal",
                                                      "own",
                                                      "host",
                                                      "monitor",
                                                      "source"});
// The last column; it is the table's own.
constexpr size_t kEndTime = kColumns.size();
constexpr size_t kRowBytes = 2048;  // about what a row takes beside its long texts

constexpr auto kIndexed =
    std::to_array<const char*>({"process_key", "parent_key", "pid", "name", "container_id"});

struct Layout {
  std::vector<LiveColumn> columns;
  std::vector<const Column*> sources;
  // By column: which index, or none.
  std::vector<size_t> index_of;
  // By index: the column.
  std::vector<size_t> indexed;
};

const Layout& TheLayout() {
  static const auto* const kLayout = [] {
    auto* layout = new Layout;
    const EventTable& table = *FindEventTable("process_events");
    layout->indexed.resize(kIndexed.size());
    for (const char* name : kColumns) {
      const Column& column = table.columns[*table.FindColumn(name)];
      const auto index = std::ranges::find_if(
          kIndexed, [&](const char* indexed) { return column.name() == indexed; });
      const size_t place = index - kIndexed.begin();
      if (index != kIndexed.end()) layout->indexed[place] = layout->columns.size();
      layout->index_of.push_back(place);
      layout->columns.push_back({column.name(), column.type(), index != kIndexed.end()});
      layout->sources.push_back(&column);
    }
    layout->columns.push_back({"end_time", CellType::kInteger, false});
    layout->index_of.push_back(kIndexed.size());
    return layout;
  }();
  return *kLayout;
}

int64_t ToNanoseconds(const google::protobuf::Timestamp& time) {
  constexpr int64_t kMaxSeconds = 9'000'000'000;  // within int64 nanoseconds
  return std::clamp(time.seconds(), -kMaxSeconds, kMaxSeconds) * 1'000'000'000 + time.nanos();
}

}  // namespace

ProcessTable::ProcessTable(const ProcessTableOptions& options)
    : options_(options), keep_ended_ns_(absl::ToInt64Nanoseconds(options.keep_ended)) {
  static_assert(kIndexed.size() == kIndices);
  TheLayout();
}

const std::string& ProcessTable::name() const {
  static const auto* const kName = new std::string("processes");
  return *kName;
}

std::span<const LiveColumn> ProcessTable::columns() const { return Columns(); }

std::span<const LiveColumn> ProcessTable::Columns() { return TheLayout().columns; }

bool ProcessTable::IsExpired(const Row& row) const {
  return row.end_ns != kLiving && row.end_ns <= now_ns_ && now_ns_ - row.end_ns > keep_ended_ns_;
}

bool ProcessTable::HasRow(size_t slot) const {
  return rows_[slot].is_used && !IsExpired(rows_[slot]);
}

Cell ProcessTable::Get(size_t slot, size_t column, std::string* scratch) const {
  return Value(rows_[slot].event, end_ns(slot), column, scratch);
}

Cell ProcessTable::Value(const v1::CollectionEvent& event, std::optional<int64_t> end_ns,
                         size_t column, std::string* scratch) {
  if (column != kEndTime) return TheLayout().sources[column]->Get(event, scratch);
  if (!end_ns.has_value()) return {};
  return {.type = CellType::kInteger, .integer = *end_ns};
}

std::span<const uint32_t> ProcessTable::Find(size_t column, const Cell& value) const {
  return indices_[TheLayout().index_of[column]].Find(HashCell(value));
}

void ProcessTable::Apply(const v1::CollectionEvent& event, int64_t now_ns) {
  if (!event.has_process() || event.process().process_key().empty()) return;
  const int64_t time_ns = ToNanoseconds(event.event_time());
  now_ns_ = std::max(now_ns_, std::min(time_ns, now_ns));
  ForgetEnded();
  const std::string& key = event.process().process_key();
  const size_t known = by_key_.size();
  const uint32_t slot = FindOrAdd(key);
  Row& row = rows_[slot];
  const bool is_new = by_key_.size() != known;
  const bool is_end = event.process().action() == v1::PROCESS_ACTION_STOP;
  // What comes after the end is late: the end stands.
  if (is_new || (!is_end && row.end_ns == kLiving)) {
    event::CopyAgain(event, row.event);
    Charge(row);
    Index(slot);
  }
  if (is_end && row.end_ns == kLiving) End(row, event, std::min(time_ns, now_ns_));
  Unlink(slot);
  LinkNewest(slot);
  while (rows() > options_.max_rows || (bytes_ > options_.max_bytes && rows() > 1)) {
    Erase(oldest_);
    ++evicted_;
  }
}

void ProcessTable::Clear() {
  rows_.clear();
  free_.clear();
  by_key_.clear();
  for (CellIndex& index : indices_) index.Clear();
  ended_.clear();
  oldest_ = kNone;
  newest_ = kNone;
  bytes_ = 0;
}

void ProcessTable::End(Row& row, const v1::CollectionEvent& event, int64_t time_ns) {
  row.end_ns = time_ns;
  const v1::ProcessEvent& end = event.process();
  if (end.has_exit_code()) row.event.mutable_process()->set_exit_code(end.exit_code());
  if (end.has_exit_signal()) row.event.mutable_process()->set_exit_signal(end.exit_signal());
  ended_.emplace_back(time_ns, end.process_key());
}

uint32_t ProcessTable::FindOrAdd(const std::string& key) {
  const auto [entry, is_new] = by_key_.try_emplace(key, kNone);
  if (!is_new) return entry->second;
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(rows_.size()));
    rows_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  entry->second = slot;
  rows_[slot].is_used = true;
  rows_[slot].end_ns = kLiving;
  LinkNewest(slot);
  return slot;
}

void ProcessTable::Charge(Row& row) {
  const v1::ProcessEvent& process = row.event.process();
  size_t bytes = kRowBytes + process.executable_path().size() + process.cgroup_path().size() +
                 process.working_directory().size() + process.parent_executable_path().size();
  for (const std::string& argument : process.command_line()) bytes += argument.size() + 32;
  // A row keeps the room of what it held before.
  bytes = std::max(bytes, row.bytes);
  bytes_ += bytes - row.bytes;
  row.bytes = bytes;
}

void ProcessTable::Index(uint32_t slot) {
  Row& row = rows_[slot];
  std::string scratch;
  for (size_t i = 0; i < kIndices; ++i) {
    const Cell cell = TheLayout().sources[TheLayout().indexed[i]]->Get(row.event, &scratch);
    const uint64_t hash = cell.is_null() ? 0 : HashCell(cell);
    if (row.is_indexed[i] == !cell.is_null() && row.hashes[i] == hash) continue;
    if (row.is_indexed[i]) indices_[i].Remove(row.hashes[i], slot);
    if (!cell.is_null()) indices_[i].Add(hash, slot);
    row.is_indexed[i] = !cell.is_null();
    row.hashes[i] = hash;
  }
}

void ProcessTable::LinkNewest(uint32_t slot) {
  rows_[slot].older = newest_;
  rows_[slot].newer = kNone;
  (newest_ == kNone ? oldest_ : rows_[newest_].newer) = slot;
  newest_ = slot;
}

void ProcessTable::Unlink(uint32_t slot) {
  Row& row = rows_[slot];
  (row.older == kNone ? oldest_ : rows_[row.older].newer) = row.newer;
  (row.newer == kNone ? newest_ : rows_[row.newer].older) = row.older;
}

void ProcessTable::Erase(uint32_t slot) {
  Unlink(slot);
  Row& row = rows_[slot];
  for (size_t i = 0; i < kIndices; ++i) {
    if (row.is_indexed[i]) indices_[i].Remove(row.hashes[i], slot);
  }
  by_key_.erase(row.event.process().process_key());
  bytes_ -= row.bytes;
  row = Row();
  free_.push_back(slot);
}

size_t ProcessTable::ForgetUntold(const std::string& host, const std::string& monitor,
                                  const std::set<std::string>& streams) {
  size_t forgotten = 0;
  for (uint32_t slot = 0; slot < rows_.size(); ++slot) {
    const Row& row = rows_[slot];
    if (!row.is_used || row.end_ns != kLiving) continue;
    const v1::Origin& origin = row.event.origin();
    if (origin.host() != host || origin.monitor() != monitor) continue;
    if (streams.contains(origin.stream_id())) continue;
    Erase(slot);
    ++forgotten;
  }
  return forgotten;
}

// HasRow hides what is expired; here it is let go.
void ProcessTable::ForgetEnded() {
  while (!ended_.empty()) {
    const auto& [end_ns, key] = ended_.front();
    const auto found = by_key_.find(key);
    const bool is_gone = found == by_key_.end() || rows_[found->second].end_ns != end_ns;
    if (!is_gone && !IsExpired(rows_[found->second])) return;
    if (!is_gone) Erase(found->second);
    ended_.pop_front();
  }
}

}  // namespace daemoneye::sql
