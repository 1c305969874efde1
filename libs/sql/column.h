// Column: one SQL column of an event table: its name, its type, and how to read it from an event.
//
// Made from the proto descriptors by event_tables.cc; what a value looks like in SQL is decided
// here (api rules: enums as text without prefix, times in ns, absent is NULL).
//
// Threads: immutable after construction; Get from any.
// Cost:    10-30 ns a value; texts that the proto holds are not copied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemoneye/v1/event.pb.h"

namespace daemoneye::sql {

// Longest text a cell holds, bytes (SQLITE_LIMIT_LENGTH is the same). A longer one is cut at a
// character; a JSON text loses its last elements, so that it stays JSON.
inline constexpr size_t kMaxCellBytes = 64 * 1024;

// The storage classes a column can have; also its declared type.
enum class CellType { kNull, kInteger, kReal, kText };

// One value.
struct Cell {
  CellType type = CellType::kNull;
  int64_t integer = 0;
  double real = 0;
  // Always followed by a NUL byte.
  std::string_view text;
  // True when `text` lives as long as the event (or for ever); else in the caller's scratch.
  bool is_stable = false;

  bool is_null() const { return type == CellType::kNull; }
};

class Column {
 public:
  // How the field becomes a cell.
  enum class Kind {
    kBool,
    kInt32,
    kInt64,
    kUint32,
    kUint64,  // as its 64 bits: beyond 2^63 it is negative, so that masks work
    kDouble,
    kEnum,
    kText,
    kJoined,      // repeated text, joined by a space
    kJoinedJson,  // repeated text as a JSON array
    kMapJson,     // map of texts as a JSON object, ordered by key
    kTimestamp,
    kDuration,
  };

  // `path` leads from CollectionEvent to the field, through the messages that hold it.
  Column(std::string name, Kind kind, std::vector<const google::protobuf::FieldDescriptor*> path);

  const std::string& name() const { return name_; }
  CellType type() const { return type_; }
  Kind kind() const { return kind_; }
  const std::vector<const google::protobuf::FieldDescriptor*>& path() const { return path_; }
  // Values an enum column can have, in the proto's order.
  std::vector<std::string_view> enum_values() const;

  // The value in `event`. Texts that must be made are made in `scratch`.
  Cell Get(const v1::CollectionEvent& event, std::string* scratch) const;

 private:
  const google::protobuf::Message* FindHolder(const v1::CollectionEvent& event) const;
  Cell GetEnum(const google::protobuf::Message& holder, std::string* scratch) const;
  Cell GetText(const google::protobuf::Message& holder, std::string* scratch) const;
  Cell GetTime(const google::protobuf::Message& holder) const;
  Cell GetRepeated(const google::protobuf::Message& holder, std::string* scratch) const;

  std::string name_;
  Kind kind_;
  CellType type_;
  std::vector<const google::protobuf::FieldDescriptor*> path_;
  const google::protobuf::FieldDescriptor* leaf_;
  // Of the message that holds each field of `path_`: asking a message for it costs as much as
  // reading a field.
  std::vector<const google::protobuf::Reflection*> reflections_;
  const google::protobuf::Reflection* leaf_reflection_;
  // By enum number; empty where there is no such value.
  std::vector<std::string> enum_names_;
};

}  // namespace daemoneye::sql
