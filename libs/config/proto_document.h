// Documents of the configuration as messages: strict, with the place of what is wrong.
//
// JSON as protobuf has it, but: fields by their proto names only; an enum's value with or without
// its prefix (SEVERITY_HIGH, HIGH); a text is a text, so a number in its place is refused; null is
// refused. Errors name the field: "triggers[3].condition.sql: wants a text".
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace daemoneye::config {

// Merges the JSON object `json` into `message`. `path` is how errors name the object; empty: they
// name its fields alone. InvalidArgument.
absl::Status ParseProtoObject(std::string_view json, std::string_view path,
                              google::protobuf::Message& message);

// Each element of the JSON array `json` into the message that `add` returns. Empty `json`: none.
absl::Status ParseProtoList(std::string_view json, std::string_view path,
                            const std::function<google::protobuf::Message&()>& add);

// Each member of the JSON object `json` into the message that `add` returns for its name. Empty
// `json`: none.
absl::Status ParseProtoMap(
    std::string_view json, std::string_view path,
    const std::function<google::protobuf::Message&(const std::string& name)>& add);

// Name and values of a JSON object of lists of texts or numbers (as their text). Empty `json`:
// none.
absl::StatusOr<std::vector<std::pair<std::string, std::vector<std::string>>>> ParseTextLists(
    std::string_view json, std::string_view path);

}  // namespace daemoneye::config
