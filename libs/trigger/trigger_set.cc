#include "libs/trigger/trigger_set.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"
#include "libs/event/event.h"
#include "libs/sql/cell_cache.h"
#include "libs/trigger/compiled_trigger.h"
#include "libs/trigger/dispatch_index.h"
#include "libs/trigger/trigger_check.h"
#include "libs/trigger/window_buffer.h"
#include "libs/trigger/window_evaluation.h"

namespace daemoneye::trigger {
namespace {

// A statement is left alone for the rest of a batch after this many cut-offs in it.
constexpr uint64_t kMaxCutOffsOfBatch = 10;
// CPU time of a run over a whole batch.
constexpr absl::Duration kBatchBudget = absl::Milliseconds(50);
// What SQLite may take for one statement beside all others.
constexpr size_t kMemoryBudgetBytes = 128 << 20;

std::unique_ptr<sql::GuardedConnection> OpenConnection(
    const std::vector<const sql::LiveTable*>& tables, absl::Duration event, absl::Duration call) {
  auto connection = sql::GuardedConnection::Open({.event_budget = event,
                                                  .call_budget = call,
                                                  .memory_budget_bytes = kMemoryBudgetBytes,
                                                  .live_tables = tables,
                                                  .allows_aggregates = true,
                                                  .aggregate_hint = "it needs window"});
  if (!connection.ok()) std::abort();  // no memory for an empty database
  (*connection)->set_subject("condition.sql");
  return *std::move(connection);
}

}  // namespace

class TriggerSet::Impl {
 public:
  explicit Impl(const SetOptions& options)
      : updates_live_tables_(options.updates_live_tables), switches_(MakeSwitches()) {
    const std::vector<const sql::LiveTable*> tables = {&switches_[0], &switches_[1], &switches_[2]};
    connection_ =
        OpenConnection(tables, options.event_budget, std::max(options.event_budget, kBatchBudget));
    window_connection_ = OpenConnection(tables, options.window_budget, options.window_budget);
    for (const sql::EventTable& table : sql::EventTables()) tables_.push_back(Table(table));
  }

  void Compile(std::span<const std::shared_ptr<const v1::Trigger>> triggers,
               std::vector<Refusal>* refusals);
  void Bind(LiveTables& live);
  void Evaluate(std::span<const v1::CollectionEvent* const> events, absl::Time now,
                std::vector<Hit>* hits);
  void EvaluateWindows(absl::Time now, std::vector<Hit>* hits);
  void TakeWindows(Impl& from);
  bool IsIndexed(size_t trigger) const;
  void UpdateLiveTables(bool updates) { updates_live_tables_ = updates; }

 private:
  // What goes with one event table.
  struct Table {
    explicit Table(const sql::EventTable& t)
        : table(&t), cells(std::make_unique<sql::CellCache>(t)) {}
    const sql::EventTable* table;
    std::unique_ptr<sql::CellCache> cells;
    DispatchIndex index;
    std::vector<uint32_t> triggers;  // all of this table
    std::vector<const v1::CollectionEvent*> events;
    std::vector<uint32_t> numbers;  // of the events in the batch
  };
  // A hit of the batch in hand and where it belongs.
  struct Placed {
    uint32_t event;
    Hit hit;
  };

  std::array<LiveTableSwitch, kLiveTableCount> MakeSwitches() {
    const auto tables = empty_.tables();
    return {LiveTableSwitch(*tables[0]), LiveTableSwitch(*tables[1]), LiveTableSwitch(*tables[2])};
  }
  Table* TableOf(const v1::CollectionEvent& event);
  void SplitByTable(std::span<const v1::CollectionEvent* const> events);
  void Visit(Table& table, uint32_t row, const v1::CollectionEvent& event);
  void RunBatches();
  void RunRows(uint32_t trigger, const sql::RunRows& rows, Table& table);
  void RunOne(uint32_t trigger, uint32_t row, Table& table);
  void AddHit(uint32_t trigger, Table& table, uint32_t row, const sql::ResultRow& result);
  void MarkExcepted(size_t first);
  void Buffer(uint32_t trigger, const v1::CollectionEvent& event);

  bool updates_live_tables_;
  LiveTables empty_;
  std::array<LiveTableSwitch, kLiveTableCount> switches_;
  LiveTables* live_ = nullptr;
  std::unique_ptr<sql::GuardedConnection> connection_;
  std::unique_ptr<sql::GuardedConnection> window_connection_;
  std::vector<Table> tables_;

  // Of the batch in hand.
  std::vector<std::pair<Table*, uint32_t>> places_;  // by event; nullptr: of no table
  std::vector<std::vector<uint32_t>> survivors_;     // by trigger
  std::vector<uint32_t> with_survivors_;
  std::vector<uint64_t> cut_offs_before_;
  std::vector<uint32_t> candidates_;
  std::vector<Placed> placed_;
  SharedEvent shared_;

 public:
  // Last: statements end before their connections.
  std::vector<std::unique_ptr<CompiledTrigger>> triggers;
  absl::flat_hash_map<size_t, WindowBuffer> windows;
};

void TriggerSet::Impl::Compile(std::span<const std::shared_ptr<const v1::Trigger>> definitions,
                               std::vector<Refusal>* refusals) {
  for (const auto& definition : definitions) {
    if (definition->has_enabled() && !definition->enabled()) continue;
    Refusal refusal{.trigger_id = definition->id(), .problems = {}};
    auto trigger = CompileTrigger(definition, *connection_, *window_connection_, &refusal.problems);
    if (trigger == nullptr) {
      refusals->push_back(std::move(refusal));
      continue;
    }
    triggers.push_back(std::move(trigger));
  }
  for (size_t i = 0; i < triggers.size(); ++i) {
    const CompiledTrigger& trigger = *triggers[i];
    const bool is_window = trigger.window > absl::ZeroDuration();
    if (is_window) windows.emplace(i, WindowBuffer(trigger.window));
    Table& table = tables_[&trigger.program->table() - sql::EventTables().data()];
    table.triggers.push_back(static_cast<uint32_t>(i));
    // A window need not see what its statement cannot; any other statement need not be run where
    // it would yield nothing.
    const bool is_decided = is_window || trigger.program->needs_event();
    static const std::vector<sql::Conjunction> kAny;
    table.index.Add(static_cast<uint32_t>(i), is_decided ? trigger.program->alternatives() : kAny);
  }
  for (Table& table : tables_) table.index.Build();
  survivors_.resize(triggers.size());
}

void TriggerSet::Impl::Bind(LiveTables& live) {
  live_ = &live;
  const auto tables = live.tables();
  for (size_t i = 0; i < kLiveTableCount; ++i) switches_[i].Point(*tables[i]);
}

TriggerSet::Impl::Table* TriggerSet::Impl::TableOf(const v1::CollectionEvent& event) {
  for (Table& table : tables_) {
    if (event.payload_case() == table.table->payload) return &table;
  }
  return nullptr;
}

void TriggerSet::Impl::SplitByTable(std::span<const v1::CollectionEvent* const> events) {
  places_.clear();
  for (Table& table : tables_) {
    table.events.clear();
    table.numbers.clear();
  }
  for (size_t i = 0; i < events.size(); ++i) {
    Table* table = TableOf(*events[i]);
    places_.emplace_back(table, table == nullptr ? 0 : table->events.size());
    if (table == nullptr) continue;
    table->events.push_back(events[i]);
    table->numbers.push_back(static_cast<uint32_t>(i));
  }
  for (Table& table : tables_) {
    table.cells->Reset(table.events);
    for (const uint32_t trigger : table.triggers) {
      if (!triggers[trigger]->is_suspended)
        triggers[trigger]->cost.evaluated += table.events.size();
    }
  }
}

void TriggerSet::Impl::Evaluate(std::span<const v1::CollectionEvent* const> events, absl::Time now,
                                std::vector<Hit>* hits) {
  SplitByTable(events);
  cut_offs_before_.clear();
  for (const auto& trigger : triggers) cut_offs_before_.push_back(trigger->cost.cut_offs);
  placed_.clear();
  for (size_t i = 0; i < events.size(); ++i) {
    if (updates_live_tables_ && live_ != nullptr) live_->Apply(*events[i], now);
    const auto& [table, row] = places_[i];
    if (table != nullptr && !table->triggers.empty()) Visit(*table, row, *events[i]);
  }
  RunBatches();
  std::ranges::sort(placed_, [](const Placed& a, const Placed& b) {
    return std::pair(a.event, a.hit.trigger) < std::pair(b.event, b.hit.trigger);
  });
  for (Placed& placed : placed_) hits->push_back(std::move(placed.hit));
}

// What an event can match: windows take it in, statements that depend on their moment run now, all
// others wait for the end of the batch.
void TriggerSet::Impl::Visit(Table& table, uint32_t row, const v1::CollectionEvent& event) {
  const bool is_own = event::IsOwn(event);
  shared_.event = nullptr;
  table.index.Find(*table.cells, row, &candidates_);
  for (const uint32_t number : candidates_) {
    const CompiledTrigger& trigger = *triggers[number];
    if (trigger.is_suspended || (is_own && !trigger.definition->include_own())) continue;
    if (trigger.window > absl::ZeroDuration()) {
      Buffer(number, event);
    } else if (trigger.is_batched) {
      if (survivors_[number].empty()) with_survivors_.push_back(number);
      survivors_[number].push_back(row);
    } else {
      RunOne(number, row, table);
    }
  }
}

void TriggerSet::Impl::Buffer(uint32_t trigger, const v1::CollectionEvent& event) {
  if (shared_.event == nullptr) shared_ = ShareEvent(event);
  windows.at(trigger).Add(shared_);
}

void TriggerSet::Impl::RunBatches() {
  for (const uint32_t number : with_survivors_) {
    CompiledTrigger& trigger = *triggers[number];
    Table& table = tables_[&trigger.program->table() - sql::EventTables().data()];
    RunRows(number,
            {.cells = table.cells.get(),
             .places = survivors_[number],
             .are_checked = !trigger.program->alternatives().empty()},
            table);
    survivors_[number].clear();
  }
  with_survivors_.clear();
}

// What fails for one event of many is found, and fails, alone.
void TriggerSet::Impl::RunRows(uint32_t number, const sql::RunRows& rows, Table& table) {
  CompiledTrigger& trigger = *triggers[number];
  if (rows.places.size() == 1) return RunOne(number, rows.places[0], table);
  const size_t first = placed_.size();
  const base::Monotonic start = base::Clock::Real().MonotonicNow();
  const absl::Status status =
      trigger.program->Run(rows, [&](size_t place, const sql::ResultRow& result) {
        // Two ways to match one event make one match.
        const bool is_again = placed_.size() > first &&
                              std::any_of(placed_.begin() + first, placed_.end(),
                                          [&](auto& p) { return p.event == table.numbers[place]; });
        if (!is_again) AddHit(number, table, static_cast<uint32_t>(place), result);
        return true;
      });
  trigger.cost.cpu_time += base::Elapsed(start, base::Clock::Real().MonotonicNow());
  if (status.ok()) return MarkExcepted(first);
  placed_.resize(first);
  for (const uint32_t place : rows.places) RunOne(number, place, table);
}

void TriggerSet::Impl::RunOne(uint32_t number, uint32_t row, Table& table) {
  CompiledTrigger& trigger = *triggers[number];
  if (trigger.cost.cut_offs - cut_offs_before_[number] >= kMaxCutOffsOfBatch) {
    ++trigger.cost.errors;
    return;
  }
  const size_t first = placed_.size();
  const base::Monotonic start = base::Clock::Real().MonotonicNow();
  const absl::Status status = trigger.program->Run(
      {.cells = table.cells.get(), .places = {&row, 1}}, [&](size_t, const sql::ResultRow& result) {
        AddHit(number, table, row, result);
        return false;
      });
  trigger.cost.cpu_time += base::Elapsed(start, base::Clock::Real().MonotonicNow());
  CountRun(status, trigger);
  MarkExcepted(first);
}

void TriggerSet::Impl::AddHit(uint32_t number, Table& table, uint32_t row,
                              const sql::ResultRow& result) {
  const v1::CollectionEvent& event = *table.events[row];
  placed_.push_back({.event = table.numbers[row],
                     .hit = {.trigger = number,
                             .event = &event,
                             .evidence = {event.origin()},
                             .details = DetailsOf(*triggers[number], result)}});
}

// Holds the hits from `first` on, all of one trigger, against its exceptions.
void TriggerSet::Impl::MarkExcepted(size_t first) {
  for (size_t i = first; i < placed_.size(); ++i) {
    CompiledTrigger& trigger = *triggers[placed_[i].hit.trigger];
    if (trigger.exceptions == nullptr) return;
    const auto& [table, row] = places_[placed_[i].event];
    const absl::Status status = trigger.exceptions->Run(
        {.cells = table->cells.get(), .places = {&row, 1}}, [&](size_t, const sql::ResultRow&) {
          placed_[i].hit.is_excepted = true;
          return false;
        });
    // An exception that cannot be decided does not hold.
    CountRun(status, trigger);
  }
}

void TriggerSet::Impl::EvaluateWindows(absl::Time now, std::vector<Hit>* hits) {
  std::vector<size_t> due;
  for (const auto& [index, buffer] : windows) {
    if (!triggers[index]->is_suspended) due.push_back(index);
  }
  std::ranges::sort(due);
  for (const size_t index : due) {
    WindowBuffer& buffer = windows.at(index);
    absl::Time at;
    while (buffer.IsDue(now, &at)) EvaluateWindow(index, *triggers[index], buffer, at, hits);
  }
}

void TriggerSet::Impl::TakeWindows(Impl& from) {
  for (auto& [index, buffer] : from.windows) {
    const v1::Trigger& old = *from.triggers[index]->definition;
    for (auto& [new_index, new_buffer] : windows) {
      const v1::Trigger& current = *triggers[new_index]->definition;
      if (current.id() != old.id() || current.include_own() != old.include_own() ||
          current.condition().SerializeAsString() != old.condition().SerializeAsString()) {
        continue;
      }
      new_buffer = std::move(buffer);
      break;
    }
  }
}

bool TriggerSet::Impl::IsIndexed(size_t trigger) const {
  const auto place = &triggers[trigger]->program->table() - sql::EventTables().data();
  return tables_[place].index.IsKeyed(static_cast<uint32_t>(trigger));
}

TriggerSet::TriggerSet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TriggerSet::~TriggerSet() = default;

std::unique_ptr<TriggerSet> TriggerSet::Compile(
    std::span<const std::shared_ptr<const v1::Trigger>> triggers, const SetOptions& options,
    std::vector<Refusal>* refusals) {
  auto impl = std::make_unique<Impl>(options);
  impl->Compile(triggers, refusals);
  return std::unique_ptr<TriggerSet>(new TriggerSet(std::move(impl)));
}

void TriggerSet::Bind(LiveTables& live) { impl_->Bind(live); }
void TriggerSet::Evaluate(std::span<const v1::CollectionEvent* const> events, absl::Time now,
                          std::vector<Hit>* hits) {
  impl_->Evaluate(events, now, hits);
}
void TriggerSet::EvaluateWindows(absl::Time now, std::vector<Hit>* hits) {
  impl_->EvaluateWindows(now, hits);
}
void TriggerSet::TakeWindows(TriggerSet& from) { impl_->TakeWindows(*from.impl_); }
void TriggerSet::UpdateLiveTables(bool updates) { impl_->UpdateLiveTables(updates); }
void TriggerSet::Suspend(size_t trigger) { impl_->triggers[trigger]->is_suspended = true; }
size_t TriggerSet::size() const { return impl_->triggers.size(); }
const std::shared_ptr<const v1::Trigger>& TriggerSet::definition(size_t trigger) const {
  return impl_->triggers[trigger]->definition;
}
const TriggerCost& TriggerSet::cost(size_t trigger) const { return impl_->triggers[trigger]->cost; }
const std::string& TriggerSet::effective_sql(size_t trigger) const {
  return impl_->triggers[trigger]->program->text();
}
bool TriggerSet::is_indexed(size_t trigger) const { return impl_->IsIndexed(trigger); }
bool TriggerSet::is_batched(size_t trigger) const { return impl_->triggers[trigger]->is_batched; }
bool TriggerSet::reads_live(size_t trigger) const { return impl_->triggers[trigger]->reads_live; }
bool TriggerSet::reads_live() const {
  return std::ranges::any_of(impl_->triggers, [](const auto& t) { return t->reads_live; });
}

size_t TriggerSet::window_events() const {
  size_t events = 0;
  for (const auto& [index, buffer] : impl_->windows) events += buffer.events();
  return events;
}
size_t TriggerSet::window_bytes() const {
  size_t bytes = 0;
  for (const auto& [index, buffer] : impl_->windows) bytes += buffer.bytes();
  return bytes;
}
uint64_t TriggerSet::window_events_dropped() const {
  uint64_t dropped = 0;
  for (const auto& [index, buffer] : impl_->windows) dropped += buffer.dropped();
  return dropped;
}

}  // namespace daemoneye::trigger
