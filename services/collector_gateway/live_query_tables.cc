#include "services/collector_gateway/live_query_tables.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "libs/base/status_macros.h"
#include "libs/sql/columns_markdown.h"
#include "libs/sql/event_tables.h"
#include "libs/sql/process_table.h"
#include "libs/sql/row_table.h"
#include "libs/sql/type_text.h"

namespace daemoneye::gateway {
namespace {

using storage::CellValue;
using storage::Row;
using storage::RowColumn;
using storage::RowCursor;
using storage::RowTable;

// Rows that are taken over while nothing is evaluated.
constexpr size_t kSlotsAtOnce = 256;
// Times that rows which were replaced meanwhile are read again.
constexpr int kMaxAttempts = 3;

// A row that is an event.
struct EventRow {
  std::string bytes;
  std::optional<int64_t> end_ns = std::nullopt;
};
using EventRows = std::vector<EventRow>;
using ReadCell = sql::Cell (*)(const v1::CollectionEvent& event, const EventRow& row, size_t column,
                               std::string* scratch);

class EventRowsCursor final : public RowCursor {
 public:
  EventRowsCursor(std::shared_ptr<const EventRows> rows, ReadCell read)
      : rows_(std::move(rows)), read_(read) {}

  absl::StatusOr<bool> Next() override {
    if (next_ >= rows_->size()) return false;
    RETURN_IF_ERROR(MoveTo(next_));
    return true;
  }
  sql::Cell Get(size_t column) override {
    return read_(event_, (*rows_)[next_ - 1], column, &scratch_);
  }
  std::optional<size_t> size() const override { return rows_->size(); }
  absl::Status MoveTo(size_t index) override {
    next_ = index + 1;
    if (event_.ParseFromString((*rows_)[index].bytes)) return absl::OkStatus();
    return absl::InternalError("an event that was serialised here does not parse");
  }

 private:
  const std::shared_ptr<const EventRows> rows_;
  const ReadCell read_;
  v1::CollectionEvent event_;
  std::string scratch_;
  size_t next_ = 0;
};

// What an event's column is beside its name and type.
RowColumn DescribeColumn(const sql::Column& column) {
  RowColumn out{.name = column.name(), .type = sql::TypeText(column.type())};
  for (const std::string_view value : column.enum_values()) out.values.emplace_back(value);
  out.remark = sql::ColumnRemark(column);
  return out;
}

// A cursor over rows that `make` yields, once for all scans of the query.
template <typename Make>
auto OpenOnce(ReadCell read, Make make) {
  auto rows = std::make_shared<std::shared_ptr<const EventRows>>();
  return [rows, read, make]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
    if (*rows == nullptr) {
      ASSIGN_OR_RETURN(EventRows made, make());
      *rows = std::make_shared<const EventRows>(std::move(made));
    }
    return std::make_unique<EventRowsCursor>(*rows, read);
  };
}

EventRows TakeProcesses(const ReadLive& read_live) {
  EventRows rows;
  if (!read_live) return rows;
  // A process that is forgotten and heard of again may come to another place meanwhile.
  absl::flat_hash_set<std::string> taken;
  bool has_more = true;
  for (size_t next = 0; has_more; next += kSlotsAtOnce) {
    read_live([&](const trigger::LiveTables& live) {
      const sql::ProcessTable& table = live.process_table();
      const size_t end = std::min(next + kSlotsAtOnce, table.slots());
      for (size_t slot = next; slot < end; ++slot) {
        if (!table.HasRow(slot)) continue;
        const v1::CollectionEvent& event = table.event(slot);
        if (!taken.insert(event.process().process_key()).second) continue;
        rows.push_back({event.SerializeAsString(), table.end_ns(slot)});
      }
      has_more = end < table.slots();
    });
  }
  return rows;
}

RowTable ProcessesTable(const ReadLive& read_live) {
  RowTable table{.name = "processes",
                 .description =
                     "A process that lives, on any host, as it was last seen; one that "
                     "ended stays 60 s more, with end_time.",
                 .is_live = true,
                 .is_observed = true,
                 .is_for_triggers = true};
  const sql::EventTable& events = *sql::FindEventTable("process_events");
  for (const sql::LiveColumn& column : sql::ProcessTable::Columns()) {
    const std::optional<size_t> source = events.FindColumn(column.name);
    table.columns.push_back(source.has_value()
                                ? DescribeColumn(events.columns[*source])
                                : RowColumn{.name = column.name,
                                            .type = sql::TypeText(column.type),
                                            .remark = "ns since 1970; NULL while it lives"});
  }
  table.open = OpenOnce(
      [](const v1::CollectionEvent& event, const EventRow& row, size_t column,
         std::string* scratch) {
        return sql::ProcessTable::Value(event, row.end_ns, column, scratch);
      },
      [read_live]() -> absl::StatusOr<EventRows> { return TakeProcesses(read_live); });
  return table;
}

// Of an event's columns, those that say nothing of a connection.
constexpr auto kOfTheEvent =
    std::to_array<std::string_view>({"action", "event_time", "observed_time", "origin_stream_id",
                                     "origin_sequence", "correlation_id"});

const std::vector<const sql::Column*>& ConnectionColumns() {
  static const auto* const kColumns = [] {
    auto* columns = new std::vector<const sql::Column*>;
    for (const sql::Column& column : sql::FindEventTable("network_events")->columns) {
      if (std::ranges::find(kOfTheEvent, column.name()) == kOfTheEvent.end()) {
        columns->push_back(&column);
      }
    }
    return columns;
  }();
  return *kColumns;
}

absl::StatusOr<EventRows> TakeConnections(const event_bus::EventBus* bus) {
  EventRows rows;
  if (bus == nullptr) return rows;
  v1::EventFilter filter;
  filter.add_kinds(v1::EVENT_KIND_NETWORK);
  ASSIGN_OR_RETURN(event_bus::StateSnapshot state, bus->Snapshot(filter));
  for (std::string& bytes : state.events) rows.push_back({std::move(bytes)});
  return rows;
}

RowTable ConnectionsTable(const event_bus::EventBus* bus) {
  RowTable table{.name = "connections",
                 .description =
                     "A connection that is open or listens, on any host, as it was last "
                     "seen; empty where no monitor tells of any.",
                 .is_live = true,
                 .is_observed = true};
  for (const sql::Column* column : ConnectionColumns()) {
    table.columns.push_back(DescribeColumn(*column));
  }
  table.open = OpenOnce(
      [](const v1::CollectionEvent& event, const EventRow& /*row*/, size_t column,
         std::string* scratch) { return ConnectionColumns()[column]->Get(event, scratch); },
      [bus] { return TakeConnections(bus); });
  return table;
}

CellValue ToCellValue(const sql::Cell& cell) {
  switch (cell.type) {
    case sql::CellType::kInteger:
      return cell.integer;
    case sql::CellType::kReal:
      return cell.real;
    case sql::CellType::kText:
      return std::string(cell.text);
    default:
      return {};
  }
}

using ChooseTable = const sql::RowTable& (*)(const trigger::LiveTables& live);

// The rows of a table to which rows are only added, unless all are replaced.
std::vector<Row> TakeRows(const ReadLive& read_live, ChooseTable choose) {
  std::vector<Row> rows;
  bool was_replaced = static_cast<bool>(read_live);
  for (int attempt = 0; was_replaced && attempt < kMaxAttempts; ++attempt) {
    rows.clear();
    was_replaced = false;
    std::optional<uint64_t> generation;
    bool has_more = true;
    while (has_more && !was_replaced) {
      read_live([&](const trigger::LiveTables& live) {
        was_replaced = generation.value_or(live.replaced()) != live.replaced();
        generation = live.replaced();
        const sql::RowTable& table = choose(live);
        const size_t end = std::min(rows.size() + kSlotsAtOnce, table.slots());
        while (!was_replaced && rows.size() < end) {
          Row row;
          for (size_t i = 0; i < table.columns().size(); ++i) {
            row.push_back(ToCellValue(table.Get(rows.size(), i, nullptr)));
          }
          rows.push_back(std::move(row));
        }
        has_more = end < table.slots();
      });
    }
  }
  return rows;
}

RowTable PlainTable(const char* description, const ReadLive& read_live, ChooseTable choose) {
  static const auto* const kEmpty = new trigger::LiveTables;  // for its columns
  const sql::RowTable& empty = choose(*kEmpty);
  RowTable table{
      .name = empty.name(), .description = description, .is_live = true, .is_for_triggers = true};
  for (const sql::LiveColumn& column : empty.columns()) {
    table.columns.push_back({.name = column.name, .type = sql::TypeText(column.type)});
  }
  auto rows = std::make_shared<std::shared_ptr<const std::vector<Row>>>();
  table.open = [rows, read_live, choose]() -> absl::StatusOr<std::unique_ptr<RowCursor>> {
    if (*rows == nullptr) {
      *rows = std::make_shared<const std::vector<Row>>(TakeRows(read_live, choose));
    }
    return storage::MakeRowCursor(*rows);
  };
  return table;
}

}  // namespace

std::vector<storage::RowTable> MakeLiveQueryTables(const ReadLive& read_live,
                                                   const event_bus::EventBus* bus) {
  std::vector<RowTable> tables = {
      ConnectionsTable(bus),
      PlainTable(
          "A hash of an executable: the first that was seen of a path on a host, or one that "
          "was loaded.",
          read_live,
          [](const trigger::LiveTables& live) -> const sql::RowTable& { return live.baseline(); }),
      PlainTable(
          "A value of one of the configuration's lists.", read_live,
          [](const trigger::LiveTables& live) -> const sql::RowTable& { return live.lists(); }),
      ProcessesTable(read_live)};
  for (RowColumn& column : tables[1].columns) {
    if (column.name == "first_seen") column.remark = "ns since 1970; NULL when loaded";
    if (column.name == "source") column.values = {"first_seen", "loaded"};
    if (column.name == "host") column.remark = "NULL: every host";
  }
  return tables;
}

}  // namespace daemoneye::gateway
