#include "libs/event/topics.h"

#include <fmt/format.h>

#include "libs/base/text.h"

namespace daemoneye::event {
namespace {

bool IsSegmentCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Takes the next segment off `rest`; `rest` is left empty and `last` true at the end.
std::string_view TakeSegment(std::string_view& rest, bool& last) {
  const size_t dot = rest.find('.');
  last = dot == std::string_view::npos;
  const std::string_view segment = rest.substr(0, dot);
  rest = last ? std::string_view() : rest.substr(dot + 1);
  return segment;
}

absl::Status BadSegment(std::string_view segment, size_t position) {
  if (segment.empty()) {
    return absl::InvalidArgumentError(fmt::format("empty segment at position {}", position));
  }
  for (size_t i = 0; i < segment.size(); ++i) {
    const char c = segment[i];
    if (IsSegmentCharacter(c)) continue;
    if (c == '*') {
      return absl::InvalidArgumentError(fmt::format(
          "'*' at position {} is no wildcard: + is one segment, # the rest", position + i));
    }
    if (c == '+' || c == '#') {
      return absl::InvalidArgumentError(
          fmt::format("'{}' at position {} must be a whole segment", c, position + i));
    }
    return absl::InvalidArgumentError(fmt::format(
        "'{}' at position {}: segments are made of a-z, 0-9, _ and -",
        base::EscapeForTerminal(base::EscapeBytes(segment.substr(i, 1))), position + i));
  }
  return absl::OkStatus();
}

}  // namespace

std::string TopicOf(v1::EventKind kind, int action) {
  const std::string_view action_name = ActionName(kind, action);
  if (action_name.empty()) return "";
  std::string topic = fmt::format("events.{}.{}", KindName(kind), action_name);
  for (char& c : topic) {
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
  }
  return topic;
}

absl::StatusOr<TopicPattern> TopicPattern::Compile(std::string_view pattern) {
  if (pattern.size() > kMaxTopicBytes) {
    return absl::InvalidArgumentError(
        fmt::format("{} bytes, at most {} are allowed", pattern.size(), kMaxTopicBytes));
  }
  TopicPattern compiled;
  std::string_view rest = pattern;
  bool last = false;
  while (!last) {
    const size_t position = pattern.size() - rest.size();
    const std::string_view segment = TakeSegment(rest, last);
    if (segment == "#") {
      if (!last) {
        return absl::InvalidArgumentError(
            fmt::format("'#' at position {} must be the last segment", position));
      }
      compiled.has_rest_ = true;
      break;
    }
    if (segment != "+") {
      if (absl::Status status = BadSegment(segment, position); !status.ok()) return status;
    }
    compiled.segments_.emplace_back(segment);
    if (compiled.segments_.size() > kMaxTopicLevels) {
      return absl::InvalidArgumentError(
          fmt::format("more than {} levels at position {}", kMaxTopicLevels, position));
    }
  }
  return compiled;
}

bool TopicPattern::Matches(std::string_view topic) const {
  if (topic.empty()) return false;
  bool last = false;
  for (const std::string& wanted : segments_) {
    if (last) return false;
    const std::string_view segment = TakeSegment(topic, last);
    if (segment.empty()) return false;
    if (wanted != "+" && wanted != segment) return false;
  }
  return last || has_rest_;
}

bool TopicPattern::NamesLevel(size_t level, std::string_view text) const {
  return level < segments_.size() && segments_[level] == text;
}

}  // namespace daemoneye::event
