// Correlation: what an event belongs to. Ids of a chain: a child names its parent, and keeps the
// chain's first as its root.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "daemoneye/v1/correlation.pb.h"
#include "libs/event/event.h"

namespace daemoneye::event {

inline constexpr size_t kMaxCorrelationIdBytes = 256;
inline constexpr size_t kMaxWorkflowStageBytes = 128;
inline constexpr size_t kMaxCorrelationTags = 64;

// InvalidArgument: an id over 256 bytes, a stage over 128, more than 64 tags, a trace or span id
// that is not 32 or 16 hexadecimal digits. Names the field.
absl::Status ValidateCorrelation(const v1::Correlation& correlation);

// The correlation of what `parent` caused: `id` under it, in the same chain, trace and stage.
v1::Correlation ChildOf(const v1::Correlation& parent, std::string_view id);

// The root of the chain: root_id, or of a root its own id.
inline std::string_view RootOf(const v1::Correlation& correlation) {
  return correlation.root_id().empty() ? correlation.correlation_id() : correlation.root_id();
}

// Gives an event without a correlation id one: the key of the process it is about, else its
// connection, else `fallback`. An id keeps at most 256 bytes.
void EnsureCorrelationId(Event& event, std::string_view fallback);

}  // namespace daemoneye::event
