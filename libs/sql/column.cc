#include "libs/sql/column.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "libs/base/text.h"
#include "libs/sql/json_text.h"

namespace daemoneye::sql {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using TextMap = google::protobuf::Map<std::string, std::string>;

CellType TypeOf(Column::Kind kind) {
  switch (kind) {
    case Column::Kind::kDouble:
      return CellType::kReal;
    case Column::Kind::kEnum:
    case Column::Kind::kText:
    case Column::Kind::kJoined:
    case Column::Kind::kJoinedJson:
    case Column::Kind::kMapJson:
      return CellType::kText;
    default:
      return CellType::kInteger;
  }
}

Cell Integer(int64_t value) { return {.type = CellType::kInteger, .integer = value}; }

// Nanoseconds, held within int64 (a Timestamp reaches year 9999, int64 ns 2262).
int64_t Nanoseconds(int64_t seconds, int32_t nanos) {
  const __int128 ns = static_cast<__int128>(seconds) * 1'000'000'000 + nanos;
  return static_cast<int64_t>(std::clamp<__int128>(ns, std::numeric_limits<int64_t>::min(),
                                                   std::numeric_limits<int64_t>::max()));
}

std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor& type) {
  std::string_view prefix = type.FindValueByNumber(0)->name();
  prefix.remove_suffix(std::string_view("UNSPECIFIED").size());
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    const int number = type.value(i)->number();
    if (number == 0) continue;
    names.resize(std::max<size_t>(names.size(), number + 1));
    names[number] = type.value(i)->name().substr(prefix.size());
  }
  return names;
}

// The payload, if it is field `number`.
const Message* PayloadOf(const v1::CollectionEvent& event, int number) {
  if (event.payload_case() != number) return nullptr;
  switch (event.payload_case()) {
    case v1::CollectionEvent::kProcess:
      return &event.process();
    case v1::CollectionEvent::kNetwork:
      return &event.network();
    case v1::CollectionEvent::kFilesystem:
      return &event.filesystem();
    case v1::CollectionEvent::kPerformance:
      return &event.performance();
    case v1::CollectionEvent::kTriggerRequest:
      return &event.trigger_request();
    case v1::CollectionEvent::kLoss:
      return &event.loss();
    default:
      return nullptr;
  }
}

// The map `field` of `holder`. By type, since reflection would copy each map into a list that stays
// in the event. A new map needs its line here.
const TextMap* FindMap(const Message& holder, const FieldDescriptor& field) {
  const auto is = [&field](const google::protobuf::Descriptor* type, int number) {
    return field.containing_type() == type && field.number() == number;
  };
  if (is(v1::PerformanceEvent::descriptor(), v1::PerformanceEvent::kLabelsFieldNumber)) {
    return &static_cast<const v1::PerformanceEvent&>(holder).labels();
  }
  if (is(v1::TriggerRequest::descriptor(), v1::TriggerRequest::kMetadataFieldNumber)) {
    return &static_cast<const v1::TriggerRequest&>(holder).metadata();
  }
  return nullptr;
}

// A map of texts as a JSON object, ordered by key.
void MapToJson(const TextMap& map, std::string* out) {
  std::vector<std::pair<std::string_view, std::string_view>> entries(map.begin(), map.end());
  std::sort(entries.begin(), entries.end());
  JsonTextBuilder json('{', '}', kMaxCellBytes, out);
  for (const auto& [key, value] : entries) {
    if (!json.Add(key, value)) break;
  }
  json.Close();
}

}  // namespace

Column::Column(std::string name, Kind kind, std::vector<const FieldDescriptor*> path)
    : name_(std::move(name)),
      kind_(kind),
      type_(TypeOf(kind)),
      path_(std::move(path)),
      leaf_(path_.back()) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  for (const FieldDescriptor* field : path_) {
    reflections_.push_back(factory->GetPrototype(field->containing_type())->GetReflection());
  }
  leaf_reflection_ = reflections_.back();
  if (kind == Kind::kEnum) enum_names_ = EnumNames(*leaf_->enum_type());
}

std::vector<std::string_view> Column::enum_values() const {
  std::vector<std::string_view> values;
  for (const std::string& value : enum_names_) {
    if (!value.empty()) values.push_back(value);
  }
  return values;
}

// The message that holds the leaf; nullptr where one on the way is absent.
const Message* Column::FindHolder(const v1::CollectionEvent& event) const {
  const Message* holder = &event;
  size_t depth = 0;
  if (path_.front()->containing_oneof() != nullptr) {
    holder = PayloadOf(event, path_.front()->number());
    depth = 1;
  }
  for (; holder != nullptr && depth + 1 < path_.size(); ++depth) {
    const Reflection* reflection = reflections_[depth];
    if (!reflection->HasField(*holder, path_[depth])) return nullptr;
    holder = &reflection->GetMessage(*holder, path_[depth]);
  }
  return holder;
}

Cell Column::Get(const v1::CollectionEvent& event, std::string* scratch) const {
  const Message* holder = FindHolder(event);
  if (holder == nullptr) return {};
  const Reflection* reflection = leaf_reflection_;
  if (leaf_->is_repeated()) return GetRepeated(*holder, scratch);
  // Without presence, zero is "not set" for all but a boolean.
  if (kind_ != Kind::kBool || leaf_->has_presence()) {
    if (!reflection->HasField(*holder, leaf_)) return {};
  }
  switch (kind_) {
    case Kind::kBool:
      return Integer(reflection->GetBool(*holder, leaf_) ? 1 : 0);
    case Kind::kInt32:
      return Integer(reflection->GetInt32(*holder, leaf_));
    case Kind::kInt64:
      return Integer(reflection->GetInt64(*holder, leaf_));
    case Kind::kUint32:
      return Integer(reflection->GetUInt32(*holder, leaf_));
    case Kind::kUint64:
      return Integer(static_cast<int64_t>(reflection->GetUInt64(*holder, leaf_)));
    case Kind::kDouble: {
      const double value = reflection->GetDouble(*holder, leaf_);
      if (std::isnan(value)) return {};  // as SQLite has it
      return {.type = CellType::kReal, .real = value};
    }
    case Kind::kEnum:
      return GetEnum(*holder, scratch);
    case Kind::kText:
      return GetText(*holder, scratch);
    default:
      return GetTime(*holder);
  }
}

Cell Column::GetEnum(const Message& holder, std::string* scratch) const {
  const int number = leaf_reflection_->GetEnumValue(holder, leaf_);
  if (number == 0) return {};
  if (number > 0 && static_cast<size_t>(number) < enum_names_.size() &&
      !enum_names_[number].empty()) {
    return {.type = CellType::kText, .text = enum_names_[number], .is_stable = true};
  }
  *scratch = std::to_string(number);  // of a newer peer
  return {.type = CellType::kText, .text = *scratch};
}

Cell Column::GetText(const Message& holder, std::string* scratch) const {
  const std::string& text = leaf_reflection_->GetStringReference(holder, leaf_, scratch);
  if (text.size() <= kMaxCellBytes) {
    return {.type = CellType::kText, .text = text, .is_stable = &text != scratch};
  }
  *scratch = std::string(base::Utf8Prefix(text, kMaxCellBytes));
  return {.type = CellType::kText, .text = *scratch};
}

Cell Column::GetTime(const Message& holder) const {
  const Message& time = leaf_reflection_->GetMessage(holder, leaf_);
  if (kind_ == Kind::kTimestamp) {
    const auto& timestamp = static_cast<const google::protobuf::Timestamp&>(time);
    return Integer(Nanoseconds(timestamp.seconds(), timestamp.nanos()));
  }
  const auto& duration = static_cast<const google::protobuf::Duration&>(time);
  return Integer(Nanoseconds(duration.seconds(), duration.nanos()));
}

Cell Column::GetRepeated(const Message& holder, std::string* scratch) const {
  if (kind_ == Kind::kMapJson) {
    const TextMap* map = FindMap(holder, *leaf_);
    if (map == nullptr || map->empty()) return {};
    MapToJson(*map, scratch);
    return {.type = CellType::kText, .text = *scratch};
  }
  const Reflection* reflection = leaf_reflection_;
  const int count = reflection->FieldSize(holder, leaf_);
  if (count == 0) return {};
  std::string unused;
  if (kind_ == Kind::kJoinedJson) {
    JsonTextBuilder json('[', ']', kMaxCellBytes, scratch);
    for (int i = 0; i < count; ++i) {
      if (!json.Add(reflection->GetRepeatedStringReference(holder, leaf_, i, &unused))) break;
    }
    json.Close();
    return {.type = CellType::kText, .text = *scratch};
  }
  scratch->clear();
  for (int i = 0; i < count && scratch->size() <= kMaxCellBytes; ++i) {
    if (i > 0) scratch->push_back(' ');
    scratch->append(reflection->GetRepeatedStringReference(holder, leaf_, i, &unused));
  }
  scratch->resize(base::Utf8Prefix(*scratch, kMaxCellBytes).size());
  return {.type = CellType::kText, .text = *scratch};
}

}  // namespace daemoneye::sql
