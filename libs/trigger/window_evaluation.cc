#include "libs/trigger/window_evaluation.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>

#include "libs/base/clock.h"
#include "libs/base/text.h"
#include "libs/trigger/trigger_match.h"

namespace daemoneye::trigger {
namespace {

constexpr size_t kMaxDetailBytes = 1024;
constexpr size_t kMaxKeyBytes = 512;

// A key and the values that its events share.
struct Match {
  std::string key;
  std::map<std::string, std::string> details;
  std::vector<std::pair<size_t, std::optional<std::string>>> shared;  // event column → text
  bool is_excepted = false;
};

// Text of a cell as a ResultRow has it.
std::optional<std::string> TextOf(const sql::Cell& cell) {
  switch (cell.type) {
    case sql::CellType::kNull:
      return std::nullopt;
    case sql::CellType::kInteger:
      return std::to_string(cell.integer);
    case sql::CellType::kReal:
      return fmt::format("{}", cell.real);
    case sql::CellType::kText:
      return std::string(cell.text);
  }
  return std::nullopt;
}

std::string KeyOf(const CompiledTrigger& trigger, const sql::ResultRow& row, int columns) {
  std::string key;
  if (!trigger.key_columns.empty()) {
    key = row.Text(trigger.key_columns[0]);
  } else {
    for (int i = 0; i < columns; ++i) key += row.Text(i) + '\x1f';
    if (!key.empty()) key.pop_back();
  }
  if (key.size() <= kMaxKeyBytes) return key;
  return fmt::format("{}#{:x}", base::Utf8Prefix(key, kMaxKeyBytes), std::hash<std::string>()(key));
}

Match ReadMatch(const CompiledTrigger& trigger, const sql::ResultRow& row) {
  const int columns = row.size() - (trigger.has_window_exceptions ? 1 : 0);
  Match match{
      .key = KeyOf(trigger, row, columns), .details = DetailsOf(trigger, row), .shared = {}};
  const auto share = [&](int i) {
    const size_t column = trigger.program->result_columns()[i];
    if (column != sql::SqlProgram::kNoColumn) match.shared.emplace_back(column, TextOf(row.Get(i)));
  };
  if (!trigger.key_columns.empty()) {
    share(trigger.key_columns[0]);
  } else {
    for (int i = 0; i < columns; ++i) share(i);
  }
  if (trigger.has_window_exceptions) {
    const sql::Cell excepted = row.Get(columns);
    match.is_excepted = excepted.integer != 0 || excepted.real != 0;
  }
  return match;
}

bool Shares(const Match& match, sql::CellCache& cells, size_t row) {
  for (const auto& [column, text] : match.shared) {
    if (TextOf(cells.Get(row, column)) != text) return false;
  }
  return true;
}

Hit MakeHit(size_t index, const Match& match, const std::vector<const SharedEvent*>& events,
            sql::CellCache& cells) {
  Hit hit{.trigger = index,
          .key = match.key,
          .details = match.details,
          .is_excepted = match.is_excepted};
  for (const bool any : {false, true}) {
    for (size_t i = events.size(); i-- > 0 && hit.evidence.size() < kMaxEvidence;) {
      if (!any && !Shares(match, cells, i)) continue;
      if (hit.evidence.empty()) hit.window_event = events[i]->event;
      hit.evidence.push_back(events[i]->event->origin());
    }
    if (!hit.evidence.empty()) break;
  }
  hit.event = hit.window_event.get();
  return hit;
}

}  // namespace

void CountRun(const absl::Status& status, CompiledTrigger& trigger) {
  if (status.ok()) return;
  ++trigger.cost.errors;
  trigger.cost.last_error = std::string(status.message());
  if (status.code() == absl::StatusCode::kResourceExhausted) ++trigger.cost.cut_offs;
}

std::map<std::string, std::string> DetailsOf(const CompiledTrigger& trigger,
                                             const sql::ResultRow& row) {
  std::map<std::string, std::string> details;
  if (!trigger.has_details) return details;
  const std::vector<std::string>& names = trigger.program->result_names();
  const size_t count = names.size() - (trigger.has_window_exceptions ? 1 : 0);
  for (size_t i = 0; i < count; ++i) {
    std::string text = row.Text(static_cast<int>(i));
    text.resize(base::Utf8Prefix(text, kMaxDetailBytes).size());
    if (!base::IsUtf8(text)) text = base::EscapeBytes(text);
    details.emplace(names[i], std::move(text));
  }
  return details;
}

void EvaluateWindow(size_t index, CompiledTrigger& trigger, WindowBuffer& buffer, absl::Time at,
                    std::vector<Hit>* hits) {
  const std::vector<const SharedEvent*> events = buffer.Select(at);
  std::vector<const v1::CollectionEvent*> pointers;
  std::vector<uint32_t> places;
  for (const SharedEvent* event : events) {
    places.push_back(static_cast<uint32_t>(places.size()));
    pointers.push_back(event->event.get());
  }
  sql::CellCache cells(trigger.program->table());
  cells.Reset(pointers);
  std::vector<Match> matches;
  size_t rows = 0;
  const base::Monotonic start = base::Clock::Real().MonotonicNow();
  const absl::Status status = trigger.program->Run({.cells = &cells, .places = places},
                                                   [&](size_t, const sql::ResultRow& row) {
                                                     Match match = ReadMatch(trigger, row);
                                                     if (buffer.IsNew(match.key))
                                                       matches.push_back(std::move(match));
                                                     return ++rows < 10 * WindowBuffer::kMaxKeys;
                                                   });
  trigger.cost.cpu_time += base::Elapsed(start, base::Clock::Real().MonotonicNow());
  CountRun(status, trigger);
  buffer.EndEvaluation();
  if (events.empty()) return;
  for (const Match& match : matches) hits->push_back(MakeHit(index, match, events, cells));
}

}  // namespace daemoneye::trigger
