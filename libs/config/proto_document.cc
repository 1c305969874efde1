#include "libs/config/proto_document.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/nearest_name.h"

namespace daemoneye::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

std::string Shown(std::string_view text) {
  return base::EscapeForTerminal(base::Utf8Prefix(text, 64));
}

absl::Status At(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(path.empty() ? what : path + ": " + what);
}

std::string Member(const std::string& path, std::string_view name) {
  return path.empty() ? Shown(name) : fmt::format("{}.{}", path, Shown(name));
}

absl::StatusOr<Json> Parse(std::string_view text, std::string_view path) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return At(std::string(path), "is not JSON");
  return json;
}

// Those that protobuf's JSON writes as one text.
bool IsOneText(const Descriptor& type) {
  return type.full_name() == "google.protobuf.Duration" ||
         type.full_name() == "google.protobuf.Timestamp";
}

std::string Wanted(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return "a text; put it in quotes";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return "a whole number";
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "a number";
    case FieldDescriptor::CPPTYPE_ENUM:
      return "the name of a value";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return field.message_type()->full_name() == "google.protobuf.Duration"
                 ? "seconds, such as \"300s\""
                 : "a time, such as \"2030-01-02T03:04:05Z\"";
  }
  return "another value";
}

// The value `name` names, with or without the prefix that the enum's zero value shows.
const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type, const std::string& name) {
  if (const EnumValueDescriptor* value = type.FindValueByName(name)) return value;
  const std::string& zero = type.value(0)->name();
  constexpr std::string_view kZero = "UNSPECIFIED";
  if (!std::string_view(zero).ends_with(kZero)) return nullptr;
  return type.FindValueByName(zero.substr(0, zero.size() - kZero.size()) + name);
}

absl::Status UnknownEnumValue(const EnumDescriptor& type, const std::string& name,
                              const std::string& path) {
  std::vector<std::string> names;
  const std::string& zero = type.value(0)->name();
  const size_t prefix = zero.rfind("UNSPECIFIED");
  for (int i = 1; i < type.value_count(); ++i) {
    names.push_back(type.value(i)->name().substr(prefix == std::string::npos ? 0 : prefix));
  }
  return At(path, fmt::format("unknown value {}{}", Shown(name), DidYouMean(name, names)));
}

// Reads one message; bounded by the depth of its type.
class MessageReading {
 public:
  MessageReading(Message& message, const std::string& path)
      : message_(message), reflection_(*message.GetReflection()), path_(path) {}

  absl::Status Read(const Json& json) {
    if (!json.is_object()) return At(path_, "wants a mapping of fields");
    for (const auto& [name, value] : json.items()) {
      const FieldDescriptor* field = message_.GetDescriptor()->FindFieldByName(name);
      if (field == nullptr) return UnknownField(name);
      RETURN_IF_ERROR(ReadField(*field, value, Member(path_, name)));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status UnknownField(const std::string& name) const {
    std::vector<std::string> names;
    for (int i = 0; i < message_.GetDescriptor()->field_count(); ++i) {
      names.push_back(message_.GetDescriptor()->field(i)->name());
    }
    return At(Member(path_, name), fmt::format("unknown field{}", DidYouMean(name, names)));
  }

  absl::Status ReadField(const FieldDescriptor& field, const Json& value, const std::string& path) {
    if (value.is_null()) return At(path, "has no value");
    if (field.is_map()) return ReadMap(field, value, path);
    if (field.is_repeated()) {
      if (!value.is_array()) return At(path, "wants a list");
      for (size_t i = 0; i < value.size(); ++i) {
        RETURN_IF_ERROR(ReadValue(field, value[i], fmt::format("{}[{}]", path, i)));
      }
      return absl::OkStatus();
    }
    if (const auto* oneof = field.real_containing_oneof();
        oneof != nullptr && reflection_.HasOneof(message_, oneof)) {
      return At(path, fmt::format("{} is set already; give one of them",
                                  reflection_.GetOneofFieldDescriptor(message_, oneof)->name()));
    }
    return ReadValue(field, value, path);
  }

  // A map of texts: the only ones the API has.
  absl::Status ReadMap(const FieldDescriptor& field, const Json& value, const std::string& path) {
    if (!value.is_object()) return At(path, "wants a mapping of texts");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) return At(Member(path, key), "wants a text; put it in quotes");
      Message& entry = *reflection_.AddMessage(&message_, &field);
      const Descriptor& type = *entry.GetDescriptor();
      entry.GetReflection()->SetString(&entry, type.map_key(), key);
      entry.GetReflection()->SetString(&entry, type.map_value(), text.get<std::string>());
    }
    return absl::OkStatus();
  }

  // A field that is not repeated, or one more element of one that is.
  absl::Status ReadValue(const FieldDescriptor& field, const Json& value, const std::string& path) {
    if (value.is_null()) return At(path, "has no value");
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsOneText(*field.message_type())) {
      Message& child = field.is_repeated() ? *reflection_.AddMessage(&message_, &field)
                                           : *reflection_.MutableMessage(&message_, &field);
      return MessageReading(child, path).Read(value);
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return ReadEnum(field, value, path);
    const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
                         field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    const bool is_bool = field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL;
    if (is_text ? !value.is_string() : is_bool ? !value.is_boolean() : !value.is_number()) {
      return At(path, "wants " + Wanted(field));
    }
    return ReadScalar(field, value, path);
  }

  absl::Status ReadEnum(const FieldDescriptor& field, const Json& value, const std::string& path) {
    if (!value.is_string()) return At(path, "wants " + Wanted(field));
    const auto name = value.get<std::string>();
    const EnumValueDescriptor* found = FindEnumValue(*field.enum_type(), name);
    if (found == nullptr) return UnknownEnumValue(*field.enum_type(), name, path);
    if (field.is_repeated()) {
      reflection_.AddEnum(&message_, &field, found);
    } else {
      reflection_.SetEnum(&message_, &field, found);
    }
    return absl::OkStatus();
  }

  // Protobuf's own reading of one field, so that ranges and forms are its.
  absl::Status ReadScalar(const FieldDescriptor& field, const Json& value,
                          const std::string& path) {
    Json wrapped = Json::object();
    wrapped[field.name()] = field.is_repeated() ? Json::array({value}) : value;
    const std::unique_ptr<Message> one(message_.New());
    if (!google::protobuf::util::JsonStringToMessage(wrapped.dump(), one.get()).ok()) {
      return At(path, fmt::format("{} is not right: wants {}", Shown(value.dump()), Wanted(field)));
    }
    message_.MergeFrom(*one);
    return absl::OkStatus();
  }

  Message& message_;
  const Reflection& reflection_;
  const std::string path_;
};

}  // namespace

absl::Status ParseProtoObject(std::string_view json, std::string_view path, Message& message) {
  ASSIGN_OR_RETURN(const Json value, Parse(json, path));
  return MessageReading(message, std::string(path)).Read(value);
}

absl::Status ParseProtoList(std::string_view json, std::string_view path,
                            const std::function<Message&()>& add) {
  if (json.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Json list, Parse(json, path));
  if (!list.is_array()) return At(std::string(path), "wants a list");
  for (size_t i = 0; i < list.size(); ++i) {
    RETURN_IF_ERROR(MessageReading(add(), fmt::format("{}[{}]", path, i)).Read(list[i]));
  }
  return absl::OkStatus();
}

absl::Status ParseProtoMap(std::string_view json, std::string_view path,
                           const std::function<Message&(const std::string&)>& add) {
  if (json.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Json map, Parse(json, path));
  if (!map.is_object()) return At(std::string(path), "wants a mapping");
  for (const auto& [name, value] : map.items()) {
    RETURN_IF_ERROR(MessageReading(add(name), Member(std::string(path), name)).Read(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::pair<std::string, std::vector<std::string>>>> ParseTextLists(
    std::string_view json, std::string_view path) {
  std::vector<std::pair<std::string, std::vector<std::string>>> lists;
  if (json.empty()) return lists;
  ASSIGN_OR_RETURN(const Json map, Parse(json, path));
  if (!map.is_object()) return At(std::string(path), "wants a mapping of names to lists");
  for (const auto& [name, values] : map.items()) {
    const std::string at = Member(std::string(path), name);
    if (!values.is_array()) return At(at, "wants a list");
    auto& [list, texts] = lists.emplace_back(name, std::vector<std::string>());
    for (size_t i = 0; i < values.size(); ++i) {
      if (!values[i].is_string() && !values[i].is_number()) {
        return At(fmt::format("{}[{}]", at, i), "wants a text or a number");
      }
      texts.push_back(values[i].is_string() ? values[i].get<std::string>() : values[i].dump());
    }
  }
  return lists;
}

}  // namespace daemoneye::config
