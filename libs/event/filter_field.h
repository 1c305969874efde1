// Checks of single fields of an EventFilter: bounds, and errors that name the field.
//
// Part of FilterConditions.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/map.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "libs/event/filter_conditions.h"

namespace daemoneye::event {

// "filter.names[3]: <what>"; `what` may quote the client's text, made safe to print.
absl::Status FieldError(std::string_view prefix, std::string_view field, int index,
                        std::string_view what);
absl::Status FieldError(std::string_view prefix, std::string_view field, std::string_view what);

inline std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

absl::Status CheckCount(int count, std::string_view prefix, std::string_view field);
absl::Status CheckText(std::string_view text, std::string_view prefix, std::string_view field);
absl::Status CheckTimestamp(const google::protobuf::Timestamp& time, std::string_view prefix,
                            std::string_view field);

// The action without prefix in upper case, from "start", "START" or "PROCESS_ACTION_START".
// InvalidArgument with the nearest action there is.
absl::StatusOr<std::string> CanonicalAction(std::string_view text);

using TextList = google::protobuf::RepeatedPtrField<std::string>;

absl::Status CollectTexts(const TextList& values, std::string_view prefix, std::string_view field,
                          TextSet& out);
// Adds the patterns' bytes to `glob_bytes` and holds them to kMaxFilterGlobBytes.
absl::Status CollectPatterns(const TextList& values, std::string_view prefix,
                             std::string_view field, size_t& glob_bytes, TextPatterns& out);
absl::Status CollectPairs(const google::protobuf::Map<std::string, std::string>& values,
                          std::string_view prefix, std::string_view field,
                          std::vector<std::pair<std::string, std::string>>& out);

}  // namespace daemoneye::event
