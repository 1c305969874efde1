// FilterConditions: the conditions of one EventFilter message (the filter itself, or its `deny`),
// compiled. AND between fields, OR within one. Part of CompiledFilter.
//
// Threads:    immutable, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "daemoneye/v1/filter.pb.h"
#include "libs/event/event.h"
#include "libs/event/glob.h"

namespace daemoneye::event {

inline constexpr size_t kMaxFilterValues = 1000;
inline constexpr size_t kMaxFilterTextBytes = 4096;
// All glob patterns of a filter together.
inline constexpr size_t kMaxFilterGlobBytes = 16 * 1024;

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

// Texts that are exact, or patterns where they hold one of *?[
struct TextPatterns {
  TextSet exact;
  std::vector<Glob> globs;

  bool empty() const { return exact.empty() && globs.empty(); }
  bool Matches(std::string_view text) const;
};

class FilterConditions {
 public:
  // `prefix` is what stands before a field's name in an error: "filter." or "filter.deny.".
  static absl::StatusOr<FilterConditions> Compile(const v1::EventFilter& filter,
                                                  std::string_view prefix);

  // What kind, action and topic say.
  bool MatchesAction(v1::EventKind kind, int action) const;
  // True when MatchesAction is all there is to ask.
  bool is_action_only() const { return is_action_only_; }
  bool Matches(const Event& event) const;

  // True when an action or a topic's action segment is exactly `action` (upper case).
  bool names_sample() const { return names_sample_; }

 private:
  using Texts = std::vector<std::pair<std::string, std::string>>;
  struct Correlation {
    std::string id, parent, root, stage;
    Texts tags, any_tags;
    std::optional<uint32_t> by_pid;
  };

  absl::Status CompileActions(const v1::EventFilter& filter, std::string_view prefix);
  absl::Status CompileTexts(const v1::EventFilter& filter, std::string_view prefix);
  absl::Status CompileCorrelation(const v1::CorrelationFilter& filter, std::string_view prefix);
  absl::Status CompileRanges(const v1::EventFilter& filter, std::string_view prefix);

  bool MatchesSubject(const Event& event) const;
  bool MatchesPaths(const Event& event) const;
  bool MatchesOrigin(const Event& event) const;
  bool MatchesCorrelation(const Event& event) const;
  bool MatchesMetadata(const Event& event) const;
  bool MatchesRanges(const Event& event) const;

  // Bit a of entry k: action a of kind k passes; the last bit stands for every action beyond it.
  std::array<uint32_t, 8> actions_{};
  bool is_action_only_ = true;
  bool names_sample_ = false;
  absl::flat_hash_set<uint32_t> pids_;
  TextSet process_keys_, hosts_, sources_, monitors_;
  TextPatterns names_, paths_;
  std::optional<Correlation> correlation_;
  v1::TriggerPriority minimum_priority_ = v1::TRIGGER_PRIORITY_UNSPECIFIED;
  Texts metadata_;
  std::optional<uint64_t> first_sequence_, last_sequence_;
  // Nanoseconds do not hold every Timestamp: seconds and nanos, compared as a pair.
  std::optional<std::pair<int64_t, int32_t>> since_, until_;
};

}  // namespace daemoneye::event
