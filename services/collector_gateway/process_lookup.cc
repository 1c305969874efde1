#include "services/collector_gateway/process_lookup.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "libs/base/status_macros.h"
#include "libs/event/event.h"
#include "libs/event/event_builder.h"
#include "libs/event_bus/event_bus.h"

namespace daemoneye::gateway {
namespace {

// Rows that are looked at while nothing is evaluated, where no index helps.
constexpr size_t kSlotsAtOnce = 1'024;
constexpr char kOfProcess[] =
    "SELECT origin_stream_id, origin_sequence FROM process_events WHERE process_key = ?1";

size_t ColumnOf(std::string_view name) {
  const auto columns = sql::ProcessTable::Columns();
  const auto found = std::ranges::find(columns, name, &sql::LiveColumn::name);
  return static_cast<size_t>(found - columns.begin());
}

sql::Cell TextCell(std::string_view text) { return {.type = sql::CellType::kText, .text = text}; }

KnownProcess ProcessAt(const sql::ProcessTable& table, size_t slot) {
  const std::optional<int64_t> end_ns = table.end_ns(slot);
  return {.event = table.event(slot),
          .is_living = !end_ns.has_value(),
          .end_ns = end_ns,
          .evidence = table.event(slot).origin()};
}

// Calls `take` with each row that an indexed column says may have `value`.
template <typename Take>
void ForEach(const ReadLive& read_live, std::string_view column, const sql::Cell& value,
             const Take& take) {
  if (!read_live) return;
  read_live([&](const trigger::LiveTables& live) {
    const sql::ProcessTable& table = live.process_table();
    for (const uint32_t slot : table.Find(ColumnOf(column), value)) {
      if (table.HasRow(slot)) take(table, slot);
    }
  });
}

bool IsOfHost(const v1::CollectionEvent& event, std::string_view host) {
  return host.empty() || event.origin().host() == host;
}

void SortLivingFirst(std::vector<KnownProcess>& found) {
  std::ranges::sort(found, {}, [](const KnownProcess& process) {
    return std::pair(!process.is_living, std::string_view(process.event.process().process_key()));
  });
  if (found.size() > ProcessLookup::kMaxMatches) found.resize(ProcessLookup::kMaxMatches);
}

// Those that run the file: no index has it, so the table is gone through a piece at a time.
std::vector<KnownProcess> RunningPath(const ReadLive& read_live, const std::string& path,
                                      std::string_view host) {
  std::vector<KnownProcess> found;
  bool has_more = static_cast<bool>(read_live);
  for (size_t next = 0; has_more; next += kSlotsAtOnce) {
    read_live([&](const trigger::LiveTables& live) {
      const sql::ProcessTable& table = live.process_table();
      const size_t end = std::min(next + kSlotsAtOnce, table.slots());
      for (size_t slot = next; slot < end; ++slot) {
        if (found.size() >= ProcessLookup::kMaxMatches || !table.HasRow(slot)) continue;
        const v1::CollectionEvent& event = table.event(slot);
        if (event.process().executable_path() == path && IsOfHost(event, host)) {
          found.push_back(ProcessAt(table, slot));
        }
      }
      has_more = end < table.slots() && found.size() < ProcessLookup::kMaxMatches;
    });
  }
  return found;
}

v1::Cell TextParameter(std::string_view text) {
  v1::Cell cell;
  cell.set_string(std::string(text));
  return cell;
}

int64_t TimeOf(const v1::CollectionEvent& event) {
  return absl::ToUnixNanos(event::ToTime(event.event_time()));
}

}  // namespace

std::optional<KnownProcess> ProcessLookup::FindLive(std::string_view process_key) const {
  std::optional<KnownProcess> found;
  ForEach(ports_.read_live, "process_key", TextCell(process_key),
          [&](const sql::ProcessTable& table, size_t slot) {
            if (table.event(slot).process().process_key() == process_key) {
              found = ProcessAt(table, slot);
            }
          });
  return found;
}

absl::StatusOr<std::vector<v1::QueryRow>> ProcessLookup::Query(std::string sql,
                                                               std::vector<v1::Cell> parameters,
                                                               absl::Duration timeout,
                                                               std::stop_token stop) const {
  if (ports_.queries == nullptr || ports_.events == nullptr) {
    return absl::FailedPreconditionError("nothing is stored: the gateway has no --data_dir");
  }
  v1::QueryRequest request;
  request.set_sql(std::move(sql));
  for (v1::Cell& parameter : parameters) *request.add_parameters() = std::move(parameter);
  event::SetDuration(std::clamp(timeout, absl::Milliseconds(1), storage::kMaxQueryTime),
                     request.mutable_timeout());
  ASSIGN_OR_RETURN(QueryEngine::Answer answer, ports_.queries->Ask(request, std::move(stop)));
  return std::move(answer.rows);
}

absl::StatusOr<std::vector<v1::CollectionEvent>> ProcessLookup::Events(std::string sql,
                                                                       std::string_view process_key,
                                                                       absl::Duration timeout,
                                                                       std::stop_token stop) const {
  ASSIGN_OR_RETURN(const std::vector<v1::QueryRow> rows,
                   Query(std::move(sql), {TextParameter(process_key)}, timeout, std::move(stop)));
  std::vector<v1::CollectionEvent> events;
  for (const v1::QueryRow& row : rows) {
    v1::Origin origin;
    origin.set_stream_id(row.cells(0).string());
    origin.set_sequence(static_cast<uint64_t>(row.cells(1).int64()));
    absl::StatusOr<v1::CollectionEvent> event = ports_.events->Find(origin);
    if (event.ok()) events.push_back(*std::move(event));
  }
  return events;
}

absl::StatusOr<std::vector<v1::CollectionEvent>> ProcessLookup::LastEvents(
    std::string_view process_key, size_t max_events, absl::Duration timeout,
    std::stop_token stop) const {
  std::vector<v1::CollectionEvent> events;
  for (const char* table : {"process_events", "network_events", "filesystem_events"}) {
    const char* only = table == std::string_view("process_events") ? " AND action <> 'SAMPLE'" : "";
    ASSIGN_OR_RETURN(std::vector<v1::CollectionEvent> found,
                     Events(fmt::format("SELECT origin_stream_id, origin_sequence FROM {} WHERE "
                                        "process_key = ?1{} ORDER BY event_time DESC LIMIT {}",
                                        table, only, max_events),
                            process_key, timeout, stop));
    std::ranges::move(found, std::back_inserter(events));
  }
  std::ranges::sort(events, std::greater(), [](const v1::CollectionEvent& event) {
    return std::pair(TimeOf(event), event.origin().sequence());
  });
  if (events.size() > max_events) events.resize(max_events);
  return events;
}

absl::StatusOr<std::optional<KnownProcess>> ProcessLookup::FindStored(std::string_view process_key,
                                                                      absl::Duration timeout,
                                                                      std::stop_token stop) const {
  if (ports_.queries == nullptr || ports_.events == nullptr) return std::nullopt;
  // SAMPLE too: the last two of whatever kind are found at once, those of a rare kind may not be.
  ASSIGN_OR_RETURN(std::vector<v1::CollectionEvent> events,
                   Events(std::string(kOfProcess) + " ORDER BY event_time DESC LIMIT 2",
                          process_key, timeout, std::move(stop)));
  if (events.empty()) return std::nullopt;
  KnownProcess process{.is_living = false, .evidence = events.front().origin()};
  const bool has_stopped = events.front().process().action() == v1::PROCESS_ACTION_STOP;
  if (has_stopped) process.end_ns = TimeOf(events.front());
  // A STOP says little of the process; the event before it has the full record.
  process.event = std::move(has_stopped && events.size() > 1 ? events[1] : events[0]);
  return process;
}

void ProcessLookup::AddEvidence(KnownProcess& process, absl::Duration timeout,
                                std::stop_token stop) const {
  if (process.evidence.sequence() != 0) return;
  const absl::StatusOr<std::vector<v1::QueryRow>> rows = Query(
      "SELECT monitor, host, origin_stream_id, origin_sequence FROM process_events WHERE "
      "process_key = ?1 ORDER BY event_time DESC LIMIT 1",
      {TextParameter(process.event.process().process_key())}, timeout, std::move(stop));
  // Without a store, or an event in it, there is none.
  if (!rows.ok() || rows->empty()) return;
  const v1::QueryRow& row = rows->front();
  process.evidence.set_monitor(row.cells(0).string());
  process.evidence.set_host(row.cells(1).string());
  process.evidence.set_stream_id(row.cells(2).string());
  process.evidence.set_sequence(static_cast<uint64_t>(row.cells(3).int64()));
}

absl::StatusOr<std::vector<KnownProcess>> ProcessLookup::Find(const v1::AnalysisTarget& target,
                                                              absl::Duration timeout,
                                                              std::stop_token stop) const {
  ASSIGN_OR_RETURN(std::vector<KnownProcess> found, FindAll(target, timeout, stop));
  for (KnownProcess& process : found) AddEvidence(process, timeout, stop);
  return found;
}

absl::StatusOr<std::vector<KnownProcess>> ProcessLookup::FindAll(const v1::AnalysisTarget& target,
                                                                 absl::Duration timeout,
                                                                 std::stop_token stop) const {
  std::vector<KnownProcess> found;
  if (!target.process_key().empty()) {
    std::optional<KnownProcess> process = FindLive(target.process_key());
    if (!process.has_value()) {
      ASSIGN_OR_RETURN(process, FindStored(target.process_key(), timeout, std::move(stop)));
    }
    const bool is_it = process.has_value() && IsOfHost(process->event, target.host()) &&
                       (!target.has_pid() || target.pid() == process->event.process().pid());
    if (is_it) found.push_back(*std::move(process));
    return found;
  }
  if (!target.has_pid()) {
    found = RunningPath(ports_.read_live, target.path(), target.host());
    SortLivingFirst(found);
    return found;
  }
  const sql::Cell pid{.type = sql::CellType::kInteger, .integer = target.pid()};
  ForEach(ports_.read_live, "pid", pid, [&](const sql::ProcessTable& table, size_t slot) {
    const v1::CollectionEvent& event = table.event(slot);
    if (event.process().pid() == target.pid() && IsOfHost(event, target.host())) {
      found.push_back(ProcessAt(table, slot));
    }
  });
  SortLivingFirst(found);
  // A pid that is used again: of those that ended nobody asks.
  const auto living = std::ranges::count_if(found, &KnownProcess::is_living);
  if (living > 0) found.resize(static_cast<size_t>(living));
  return found;
}

absl::StatusOr<Ancestry> ProcessLookup::AncestorsOf(const KnownProcess& process,
                                                    absl::Duration timeout,
                                                    std::stop_token stop) const {
  Ancestry ancestry;
  std::set<std::string> seen = {process.event.process().process_key()};
  const v1::ProcessEvent* at = &process.event.process();
  while (at->has_parent_key() && ancestry.processes.size() < kMaxAncestors) {
    const std::string key = at->parent_key();
    if (!seen.insert(key).second) {
      ancestry.gap = fmt::format("{} is its own ancestor", key);
      return ancestry;
    }
    std::optional<KnownProcess> parent = FindLive(key);
    if (!parent.has_value()) {
      absl::StatusOr<std::optional<KnownProcess>> stored = FindStored(key, timeout, stop);
      if (absl::IsDeadlineExceeded(stored.status())) {
        ancestry.gap = fmt::format("the ancestor {} was not found in time", key);
        return ancestry;
      }
      ASSIGN_OR_RETURN(parent, std::move(stored));
    }
    if (!parent.has_value()) {
      ancestry.gap = fmt::format("the ancestor {} is not known", key);
      return ancestry;
    }
    AddEvidence(*parent, timeout, stop);
    ancestry.processes.push_back(*std::move(parent));
    at = &ancestry.processes.back().event.process();
  }
  if (at->has_parent_key()) {
    ancestry.gap = fmt::format("more than {} ancestors", kMaxAncestors);
  } else if (!at->has_ppid() || at->ppid() != 0) {
    ancestry.gap = fmt::format("the parent of pid {} is not known", at->pid());
  }
  return ancestry;
}

std::vector<KnownProcess> ProcessLookup::ChildrenOf(std::string_view parent_key,
                                                    std::string_view except_key,
                                                    size_t max_processes, size_t* total) const {
  std::vector<KnownProcess> children;
  *total = 0;
  ForEach(ports_.read_live, "parent_key", TextCell(parent_key),
          [&](const sql::ProcessTable& table, size_t slot) {
            const v1::ProcessEvent& child = table.event(slot).process();
            if (child.parent_key() != parent_key || child.process_key() == except_key) return;
            if (table.end_ns(slot).has_value()) return;
            ++*total;
            if (children.size() < max_processes) children.push_back(ProcessAt(table, slot));
          });
  return children;
}

std::vector<ProcessLookup::Baseline> ProcessLookup::BaselineOf(std::string_view path,
                                                               std::string_view host) const {
  std::vector<Baseline> found;
  if (!ports_.read_live || path.empty()) return found;
  ports_.read_live([&](const trigger::LiveTables& live) {
    const sql::RowTable& table = live.baseline();
    const auto column = [&](std::string_view name) {
      const auto at = std::ranges::find(table.columns(), name, &sql::LiveColumn::name);
      return static_cast<size_t>(at - table.columns().begin());
    };
    for (const uint32_t slot : table.Find(column("path"), TextCell(path))) {
      const sql::Cell of_host = table.Get(slot, column("host"), nullptr);
      if (table.Get(slot, column("path"), nullptr).text != path) continue;
      if (!of_host.is_null() && of_host.text != host) continue;
      const sql::Cell first_seen = table.Get(slot, column("first_seen"), nullptr);
      found.push_back({.hash = std::string(table.Get(slot, column("hash"), nullptr).text),
                       .algorithm = std::string(table.Get(slot, column("algorithm"), nullptr).text),
                       .source = std::string(table.Get(slot, column("source"), nullptr).text),
                       .first_seen_ns = first_seen.is_null()
                                            ? std::nullopt
                                            : std::optional<int64_t>(first_seen.integer)});
    }
  });
  return found;
}

std::optional<absl::Time> ProcessLookup::oldest_stored() const {
  return ports_.events == nullptr ? std::nullopt : ports_.events->statistics().oldest;
}

}  // namespace daemoneye::gateway
