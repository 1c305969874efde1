#include "libs/sql/event_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "libs/sql/type_text.h"

namespace daemoneye::sql {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Path = std::vector<const FieldDescriptor*>;

Column::Kind KindOf(const FieldDescriptor& field) {
  if (field.is_map()) return Column::Kind::kMapJson;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Column::Kind::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
      return Column::Kind::kInt32;
    case FieldDescriptor::CPPTYPE_INT64:
      return Column::Kind::kInt64;
    case FieldDescriptor::CPPTYPE_UINT32:
      return Column::Kind::kUint32;
    case FieldDescriptor::CPPTYPE_UINT64:
      return Column::Kind::kUint64;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Column::Kind::kDouble;
    case FieldDescriptor::CPPTYPE_ENUM:
      return Column::Kind::kEnum;
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_STRING) return Column::Kind::kText;
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type()->full_name() == "google.protobuf.Timestamp") {
        return Column::Kind::kTimestamp;
      }
      if (field.message_type()->full_name() == "google.protobuf.Duration") {
        return Column::Kind::kDuration;
      }
      break;
    default:
      break;
  }
  // Such a field needs a rule here first; every test of this room ends in this line until then.
  fmt::print(stderr, "libs/sql: no SQL type for field {}\n", field.full_name());
  std::abort();
}

bool IsFlattened(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated() &&
         field.message_type()->file()->package() == "daemoneye.v1";
}

// Appends the columns of every field of `message`, which `path` leads to.
void AppendFields(const Descriptor& message, const std::string& prefix, const Path& path,
                  std::vector<Column>* columns) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    const std::string name = prefix + field->name();
    Path to_field = path;
    to_field.push_back(field);
    if (IsFlattened(*field)) {
      AppendFields(*field->message_type(), name + "_", to_field, columns);
    } else if (field->is_repeated() && !field->is_map()) {
      if (KindOf(*field) != Column::Kind::kText) std::abort();  // as in KindOf
      columns->emplace_back(name, Column::Kind::kJoined, to_field);
      columns->emplace_back(name + "_json", Column::Kind::kJoinedJson, to_field);
    } else {
      columns->emplace_back(name, KindOf(*field), to_field);
    }
  }
}

// Field by field from CollectionEvent.
Path PathTo(std::initializer_list<const char*> names) {
  Path path;
  const Descriptor* message = v1::CollectionEvent::descriptor();
  for (const char* name : names) {
    path.push_back(message->FindFieldByName(name));
    message = path.back()->message_type();
  }
  return path;
}

// Appends what every table has. Where the payload has a column of that name, the payload's keeps it
// and this one is called event_<name>.
void AppendEnvelope(EventTable* table) {
  const std::pair<const char*, Path> columns[] = {
      {"event_time", PathTo({"event_time"})},
      {"observed_time", PathTo({"observed_time"})},
      {"host", PathTo({"origin", "host"})},
      {"monitor", PathTo({"origin", "monitor"})},
      {"source", PathTo({"source"})},
      {"origin_stream_id", PathTo({"origin", "stream_id"})},
      {"origin_sequence", PathTo({"origin", "sequence"})},
      {"correlation_id", PathTo({"correlation", "correlation_id"})},
  };
  for (const auto& [name, path] : columns) {
    const bool is_taken = table->FindColumn(name).has_value();
    table->columns.emplace_back(is_taken ? fmt::format("event_{}", name) : name,
                                KindOf(*path.back()), path);
  }
}

EventTable MakeTable(const char* name, const char* payload, v1::EventKind kind) {
  const Path path = PathTo({payload});
  EventTable table{.name = name,
                   .kind = kind,
                   .payload = static_cast<v1::CollectionEvent::PayloadCase>(path[0]->number()),
                   .columns = {}};
  AppendFields(*path[0]->message_type(), "", path, &table.columns);
  AppendEnvelope(&table);
  return table;
}

}  // namespace

std::optional<size_t> EventTable::FindColumn(std::string_view column_name) const {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& column) {
    return absl::EqualsIgnoreCase(column.name(), {column_name.data(), column_name.size()});
  });
  if (found == columns.end()) return std::nullopt;
  return found - columns.begin();
}

std::string EventTable::Declaration() const {
  std::string sql = fmt::format("CREATE TABLE {}(", name);
  for (const Column& column : columns) {
    fmt::format_to(std::back_inserter(sql), "{}\"{}\" {}", sql.back() == '(' ? "" : ",",
                   column.name(), TypeText(column.type()));
  }
  return sql + ")";
}

std::span<const EventTable> EventTables() {
  static const auto* const kTables = new std::vector<EventTable>{
      MakeTable("process_events", "process", v1::EVENT_KIND_PROCESS),
      MakeTable("network_events", "network", v1::EVENT_KIND_NETWORK),
      MakeTable("filesystem_events", "filesystem", v1::EVENT_KIND_FILESYSTEM),
      MakeTable("performance_events", "performance", v1::EVENT_KIND_PERFORMANCE),
      MakeTable("trigger_events", "trigger_request", v1::EVENT_KIND_TRIGGER_REQUEST),
      MakeTable("loss_events", "loss", v1::EVENT_KIND_LOSS),
  };
  return *kTables;
}

const EventTable* FindEventTable(std::string_view name) {
  for (const EventTable& table : EventTables()) {
    if (absl::EqualsIgnoreCase(table.name, {name.data(), name.size()})) return &table;
  }
  return nullptr;
}

}  // namespace daemoneye::sql
