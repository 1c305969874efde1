#include "services/collector_gateway/columns_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "libs/sql/columns_markdown.h"
#include "services/collector_gateway/query_tables.h"

namespace daemoneye::gateway {
namespace {

constexpr std::string_view kLiveHead = R"(
# Live tables

What is now. A query reads a copy of the moment; a condition sees it as it stood just after its event.
Equality with a column is looked up in queries, in conditions where it is marked (indexed).
)";

constexpr std::string_view kHistoryHead = R"(
# Other tables of queries

`GatewayService.Query` alone reads these.
)";

bool IsIndexedForTriggers(const storage::RowTable& table, const std::string& column) {
  static const auto* const kLive = new trigger::LiveTables;
  for (const sql::LiveTable* live : kLive->tables()) {
    if (live->name() != table.name) continue;
    return std::ranges::any_of(live->columns(), [&](const sql::LiveColumn& c) {
      return c.name == column && c.is_indexed;
    });
  }
  return false;
}

void AddTable(const storage::RowTable& table, std::string& page) {
  auto out = std::back_inserter(page);
  fmt::format_to(out, "\n## {}\n\n{}{}\n\n| column | type | values |\n|---|---|---|\n", table.name,
                 table.description,
                 table.is_live && !table.is_for_triggers ? " Only in queries." : "");
  for (const storage::RowColumn& column : table.columns) {
    std::string remark =
        column.values.empty() ? column.remark : fmt::format("{}", fmt::join(column.values, ", "));
    if (IsIndexedForTriggers(table, column.name)) {
      remark += remark.empty() ? "(indexed)" : " (indexed)";
    }
    fmt::format_to(out, "| `{}` | {} | {}{}|\n", column.name, column.type, remark,
                   remark.empty() ? "" : " ");
  }
}

}  // namespace

std::string ColumnsPage() {
  std::vector<storage::RowTable> tables = MakeQueryTables({});
  std::ranges::sort(tables, {}, &storage::RowTable::name);
  std::string page = sql::ColumnsMarkdown();
  page += kLiveHead;
  for (const storage::RowTable& table : tables) {
    if (table.is_live) AddTable(table, page);
  }
  page += kHistoryHead;
  for (const storage::RowTable& table : tables) {
    if (!table.is_live) AddTable(table, page);
  }
  return page;
}

}  // namespace daemoneye::gateway
