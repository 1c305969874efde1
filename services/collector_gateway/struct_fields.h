// Fields of the google.protobuf.Struct that a stage returns: what is not known is not put there,
// and texts are bounded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "daemoneye/v1/analysis.pb.h"
#include "google/protobuf/struct.pb.h"
#include "libs/base/text.h"

namespace daemoneye::gateway {

using google::protobuf::ListValue;
using google::protobuf::Struct;

inline constexpr size_t kMaxFieldBytes = 1'024;
// Of AnalysisResult.result: the result as a whole has 64 KiB.
inline constexpr size_t kMaxStructBytes = 56 << 10;

// Nothing for an empty text.
inline void PutText(std::string_view name, std::string_view text, Struct& out,
                    size_t max_bytes = kMaxFieldBytes) {
  if (text.empty()) return;
  (*out.mutable_fields())[std::string(name)].set_string_value(
      std::string(base::Utf8Prefix(text, max_bytes)));
}

inline void PutNumber(std::string_view name, double number, Struct& out) {
  (*out.mutable_fields())[std::string(name)].set_number_value(number);
}

inline void PutBool(std::string_view name, bool value, Struct& out) {
  (*out.mutable_fields())[std::string(name)].set_bool_value(value);
}

inline Struct& PutObject(std::string_view name, Struct& out) {
  return *(*out.mutable_fields())[std::string(name)].mutable_struct_value();
}

inline ListValue& PutList(std::string_view name, Struct& out) {
  return *(*out.mutable_fields())[std::string(name)].mutable_list_value();
}

inline void AddObject(Struct object, ListValue& list) {
  *list.add_values()->mutable_struct_value() = std::move(object);
}

// Empty: it is not there, or no text.
inline const std::string& TextOf(const Struct& object, std::string_view name) {
  static const auto* const kNone = new std::string;
  const auto found = object.fields().find(std::string(name));
  return found == object.fields().end() ? *kNone : found->second.string_value();
}

// Adds a reason; what it is of is complete no longer. At most 16 are kept.
inline void AddReason(std::string_view reason, v1::Completeness& out) {
  constexpr int kMaxReasons = 16;
  out.set_complete(false);
  // Who passes on what others said repeats it.
  for (const std::string& known : out.reasons()) {
    if (reason.ends_with(known)) return;
  }
  if (out.reasons_size() < kMaxReasons) {
    out.add_reasons(std::string(base::Utf8Prefix(reason, kMaxFieldBytes / 2)));
  }
}

// The event among the evidence, where it is a position of a log, once, up to 16.
inline void AddEvidence(const v1::Origin& origin, v1::AnalysisResult& out) {
  constexpr int kMaxEvidence = 16;
  if (origin.sequence() == 0 || out.evidence_size() >= kMaxEvidence) return;
  for (const v1::Origin& known : out.evidence()) {
    if (known.stream_id() == origin.stream_id() && known.sequence() == origin.sequence()) return;
  }
  *out.add_evidence() = origin;
}

}  // namespace daemoneye::gateway
