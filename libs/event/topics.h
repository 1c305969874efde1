// Topics: dotted names of what an event says, and patterns over them.
//
// An event's topic is events.<kind>.<action> in lower case, such as "events.process.start". In a
// pattern `+` stands for one segment and a trailing `#` for any number of them, none included.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/event/event.h"

namespace daemoneye::event {

inline constexpr size_t kMaxTopicBytes = 512;
inline constexpr size_t kMaxTopicLevels = 5;

// Empty for a kind or an action without a name.
std::string TopicOf(v1::EventKind kind, int action);

class TopicPattern {
 public:
  // InvalidArgument: more than 5 levels or 512 bytes, an empty segment, a character outside
  // [a-z0-9_-], `*`, `+` or `#` as part of a segment, `#` before the end. Names the position.
  static absl::StatusOr<TopicPattern> Compile(std::string_view pattern);

  // `topic` that is itself not well-formed matches nothing.
  bool Matches(std::string_view topic) const;

  // True when segment `level` (0-based) is written out and equals `text`.
  bool NamesLevel(size_t level, std::string_view text) const;

 private:
  std::vector<std::string> segments_;  // "+" for any one; without the trailing "#"
  bool has_rest_ = false;              // ended in "#"
};

}  // namespace daemoneye::event
