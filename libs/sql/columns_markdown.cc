#include "libs/sql/columns_markdown.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "libs/sql/event_tables.h"
#include "libs/sql/type_text.h"

namespace daemoneye::sql {
namespace {

constexpr std::string_view kHead = R"(# SQL columns

Generated from the protos and the tables; do not edit:
`bazel run //services/collector_gateway:columns_markdown > protos/COLUMNS.md`.

A filter of a stream reads the event tables; in it, as in a trigger without `window`, the table is the event
at hand. In `GatewayService.Query` the event tables are history: every event that is stored. What is absent in the event is NULL; so is a text or
number without presence that is empty or 0, and an empty list or map. Times are nanoseconds since 1970,
durations nanoseconds; a 64-bit mask keeps its bits, so beyond 2^63 it is negative. Enums are texts
without their prefix, booleans 0 or 1. A list of texts is its elements joined by a space, and
`<name>_json` the JSON array; a map is a JSON object. A text beyond 64 KiB is cut at a character, a JSON
text at an element.

`LIKE` ignores ASCII case; `=`, `GLOB` and `REGEXP` (RE2, unanchored) do not.
)";

// The field's place in the protos, such as "ProcessEvent.namespaces.pid".
std::string ProtoField(const Column& column) {
  const auto& path = column.path();
  // The payload's own message name says more than the oneof's field.
  const bool is_payload = path.front()->containing_oneof() != nullptr;
  std::string text =
      is_payload ? path.front()->message_type()->name() : std::string("CollectionEvent");
  for (size_t i = is_payload ? 1 : 0; i < path.size(); ++i) text += "." + path[i]->name();
  return text;
}

}  // namespace

std::string ColumnRemark(const Column& column) {
  switch (column.kind()) {
    case Column::Kind::kBool:
      return "0 or 1";
    case Column::Kind::kTimestamp:
      return "ns since 1970";
    case Column::Kind::kDuration:
      return "ns";
    case Column::Kind::kJoined:
      return "joined by a space";
    case Column::Kind::kJoinedJson:
      return "JSON array";
    case Column::Kind::kMapJson:
      return "JSON object";
    case Column::Kind::kEnum: {
      std::string values;
      for (const std::string_view value : column.enum_values()) {
        fmt::format_to(std::back_inserter(values), "{}{}", values.empty() ? "" : ", ", value);
      }
      return values;
    }
    default:
      return "";
  }
}

std::string ColumnsMarkdown() {
  std::string page(kHead);
  for (const EventTable& table : EventTables()) {
    fmt::format_to(std::back_inserter(page),
                   "\n## {}\n\n| column | type | field | values |\n|---|---|---|---|\n",
                   table.name);
    for (const Column& column : table.columns) {
      const std::string remark = ColumnRemark(column);
      fmt::format_to(std::back_inserter(page), "| `{}` | {} | `{}` | {}{}|\n", column.name(),
                     TypeText(column.type()), ProtoField(column), remark,
                     remark.empty() ? "" : " ");
    }
  }
  return page;
}

}  // namespace daemoneye::sql
