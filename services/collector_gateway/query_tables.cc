#include "services/collector_gateway/query_tables.h"

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"

namespace daemoneye::gateway {
namespace {

using google::protobuf::util::TimeUtil;
using storage::CellValue;
using storage::Row;
using storage::RowCursor;
using storage::RowTable;

constexpr size_t kPage = 256;

CellValue Text(const std::string& text) { return text.empty() ? CellValue() : CellValue(text); }
CellValue Integer(uint64_t number) { return static_cast<int64_t>(number); }
CellValue Time(bool is_set, const google::protobuf::Timestamp& time) {
  return is_set ? CellValue(TimeUtil::TimestampToNanoseconds(time)) : CellValue();
}
// "SEVERITY_HIGH" as 'HIGH'; unspecified as NULL.
CellValue Enum(const std::string& name, size_t prefix) {
  const std::string value = name.size() > prefix ? name.substr(prefix) : "";
  return value == "UNSPECIFIED" ? CellValue() : Text(value);
}

// Reads page by page what `read` gives behind the last sequence.
template <typename Item>
class PagedCursor final : public RowCursor {
 public:
  using Read = std::function<absl::StatusOr<std::vector<Item>>(uint64_t after_sequence)>;
  using ToRow = std::function<std::pair<uint64_t, Row>(const Item&)>;

  PagedCursor(Read read, ToRow to_row) : read_(std::move(read)), to_row_(std::move(to_row)) {}

  absl::StatusOr<bool> Next() override {
    if (next_ == page_.size()) {
      ASSIGN_OR_RETURN(page_, read_(after_));
      next_ = 0;
      if (page_.empty()) return false;
    }
    std::tie(after_, row_) = to_row_(page_[next_++]);
    return true;
  }
  sql::Cell Get(size_t column) override { return storage::ToCell(row_[column]); }

 private:
  const Read read_;
  const ToRow to_row_;
  std::vector<Item> page_;
  Row row_;
  size_t next_ = 0;
  uint64_t after_ = 0;
};

std::string EvidenceJson(const v1::Alert& alert) {
  nlohmann::json origins = nlohmann::json::array();
  for (const v1::Origin& origin : alert.evidence()) {
    origins.push_back({{"stream_id", origin.stream_id()}, {"sequence", origin.sequence()}});
  }
  return origins.dump();
}

std::pair<uint64_t, Row> AlertRow(const v1::Alert& alert) {
  return {alert.sequence(),
          {Integer(alert.sequence()),
           Text(alert.id()),
           Time(alert.has_time(), alert.time()),
           Enum(v1::Severity_Name(alert.severity()), 9),
           Text(alert.title()),
           Text(alert.trigger_id()),
           Text(alert.workflow_id()),
           Text(alert.execution_id()),
           Text(alert.host()),
           Text(alert.process_key()),
           Text(alert.process_name()),
           Text(alert.executable_path()),
           alert.has_pid() ? Integer(alert.pid()) : CellValue(),
           Text(alert.correlation_id()),
           Integer(alert.completeness().complete() ? 1 : 0),
           Enum(v1::AlertState_Name(alert.state()), 12),
           Text(alert.acknowledged_by()),
           Text(alert.comment()),
           Time(alert.has_acknowledged_at(), alert.acknowledged_at()),
           Text(absl::StrJoin(alert.attack_ids(), " ")),
           Integer(alert.suppressed()),
           EvidenceJson(alert)}};
}

RowTable AlertsTable(const storage::AlertStore* alerts) {
  return {.name = "alerts",
          .description = "An alert that is kept.",
          .columns = {{"sequence", "INTEGER"},
                      {"id", "TEXT"},
                      {.name = "time", .type = "INTEGER", .remark = "ns since 1970"},
                      {"severity", "TEXT", {"INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"}},
                      {"title", "TEXT"},
                      {"trigger_id", "TEXT"},
                      {"workflow_id", "TEXT"},
                      {"execution_id", "TEXT"},
                      {"host", "TEXT"},
                      {"process_key", "TEXT"},
                      {"process_name", "TEXT"},
                      {"executable_path", "TEXT"},
                      {"pid", "INTEGER"},
                      {"correlation_id", "TEXT"},
                      {.name = "complete", .type = "INTEGER", .remark = "0 or 1"},
                      {"state", "TEXT", {"OPEN", "ACKNOWLEDGED"}},
                      {"acknowledged_by", "TEXT"},
                      {"comment", "TEXT"},
                      {.name = "acknowledged_at", .type = "INTEGER", .remark = "ns since 1970"},
                      {.name = "attack_ids", .type = "TEXT", .remark = "joined by a space"},
                      {.name = "suppressed",
                       .type = "INTEGER",
                       .remark = "alike, held back since the one before"},
                      {.name = "evidence_json",
                       .type = "TEXT",
                       .remark = "JSON array of origins: stream_id, sequence"}},
          .open = [alerts]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
            return std::make_unique<PagedCursor<v1::Alert>>(
                [alerts](uint64_t after) -> absl::StatusOr<std::vector<v1::Alert>> {
                  if (alerts == nullptr) return std::vector<v1::Alert>();
                  return alerts->ReadAfter({}, after, kPage);
                },
                AlertRow);
          }};
}

std::pair<uint64_t, Row> AuditRow(const storage::AuditEntry& entry) {
  return {
      entry.sequence,
      {Integer(entry.sequence), absl::ToUnixNanos(entry.time), Text(entry.actor), Text(entry.role),
       Text(entry.method), Text(entry.target), Text(entry.outcome), Text(entry.details)}};
}

RowTable AuditTable(const storage::AuditLog* audit) {
  return {.name = "audit",
          .description = "An act of somebody who may change things, or of the server itself.",
          .columns = {{"sequence", "INTEGER"},
                      {.name = "time", .type = "INTEGER", .remark = "ns since 1970"},
                      {"actor", "TEXT"},
                      {"role", "TEXT"},
                      {"method", "TEXT"},
                      {"target", "TEXT"},
                      {"outcome", "TEXT"},
                      {"details", "TEXT"}},
          .open = [audit]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
            return std::make_unique<PagedCursor<storage::AuditEntry>>(
                [audit](uint64_t after) -> absl::StatusOr<std::vector<storage::AuditEntry>> {
                  if (audit == nullptr) return std::vector<storage::AuditEntry>();
                  return audit->ReadAfter(after, kPage);
                },
                AuditRow);
          }};
}

Row MonitorRow(const MonitorLink::Status& link) {
  uint64_t rejected = 0;
  for (const uint64_t count : link.counts.rejected) rejected += count;
  return {
      Text(link.name()),
      Text(link.address),
      Enum(v1::MonitorState_Name(link.state), 14),
      Text(link.position.stream_id()),
      Integer(link.position.sequence()),
      Integer(link.counts.gaps),
      Integer(link.counts.lost),
      Integer(link.counts.accepted),
      Integer(rejected),
      Text(link.last_error),
      link.last_error.empty() ? CellValue() : CellValue(absl::ToUnixNanos(link.last_error_time)),
      absl::ToUnixNanos(link.state_since),
      Integer(link.reconnects),
      Text(link.monitor.version())};
}

// A cursor over rows that `make` yields, once for all scans of the query.
template <typename Make>
auto OpenOnce(Make make) {
  auto rows = std::make_shared<std::shared_ptr<const std::vector<Row>>>();
  return [rows, make]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
    if (*rows == nullptr) {
      ASSIGN_OR_RETURN(std::vector<Row> made, make());
      *rows = std::make_shared<const std::vector<Row>>(std::move(made));
    }
    return storage::MakeRowCursor(*rows);
  };
}

RowTable MonitorsTable(const LinkSet* links) {
  const auto make = [links]() -> absl::StatusOr<std::vector<Row>> {
    std::vector<Row> rows;
    if (links == nullptr) return rows;
    for (const MonitorLink::Status& link : links->statuses()) rows.push_back(MonitorRow(link));
    return rows;
  };
  return {.name = "monitors",
          .description = "A link of this gateway to a monitor.",
          .is_live = true,
          .columns = {{"name", "TEXT"},
                      {"address", "TEXT"},
                      {"state",
                       "TEXT",
                       {"CONNECTING", "NEGOTIATED", "STREAMING", "RETRYING", "DUPLICATE", "LOOP"}},
                      {"stream_id", "TEXT"},
                      {"position", "INTEGER"},
                      {"gaps", "INTEGER"},
                      {"lost_events", "INTEGER"},
                      {"received", "INTEGER"},
                      {"rejected", "INTEGER"},
                      {"last_error", "TEXT"},
                      {.name = "last_error_time", .type = "INTEGER", .remark = "ns since 1970"},
                      {.name = "state_since", .type = "INTEGER", .remark = "ns since 1970"},
                      {"reconnects", "INTEGER"},
                      {"version", "TEXT"}},
          .open = OpenOnce(make)};
}

}  // namespace

std::vector<storage::RowTable> MakeQueryTables(const QueryTableSources& sources) {
  std::vector<RowTable> tables = MakeLiveQueryTables(sources.read_live, sources.bus);
  tables.push_back(AlertsTable(sources.alerts));
  tables.push_back(AuditTable(sources.audit));
  tables.push_back(MonitorsTable(sources.links));
  return tables;
}

}  // namespace daemoneye::gateway
