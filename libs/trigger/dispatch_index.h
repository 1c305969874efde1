// DispatchIndex: which triggers an event of one table can match, from the terms that SQLite's
// planner gave their scans.
//
// Of each conjunction the term that drops most is its key: a value of = or IN in a hash table, a
// literal that LIKE, GLOB or REGEXP needs in a TextMatcher, a bound of <, > in a sorted list. What
// the key lets through is held against all terms. An index can only be wrong by naming a trigger
// too many: SQLite decides.
//
// Threads: compatible (Find keeps scratch).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/sql/cell_cache.h"
#include "libs/sql/event_vtab.h"
#include "libs/sql/sql_program.h"
#include "libs/trigger/text_matcher.h"
#include "re2/filtered_re2.h"

namespace daemoneye::trigger {

class DispatchIndex {
 public:
  // `trigger` can match only where one of `alternatives` holds, which outlive this. Empty: any
  // event.
  void Add(uint32_t trigger, const std::vector<sql::Conjunction>& alternatives);
  void Build();

  // Sets *triggers to those that row `row` can match, each once, in no particular order.
  void Find(sql::CellCache& cells, size_t row, std::vector<uint32_t>* triggers);

  // Whether `trigger` has a key in each alternative.
  bool IsKeyed(uint32_t trigger) const;

 private:
  struct Entry {
    uint32_t trigger;
    const sql::Conjunction* terms;
  };
  struct Bound {
    double value;
    uint32_t entry;
  };
  // The keys on one column.
  struct ColumnKeys {
    absl::flat_hash_map<std::string, std::vector<uint32_t>> texts;
    absl::flat_hash_map<int64_t, std::vector<uint32_t>> integers;
    TextMatcher literals;  // ids: entries, and above them atoms of regexps
    std::unique_ptr<re2::FilteredRE2> regexps;
    std::vector<uint32_t> regexp_entries;
    uint32_t atom_base = 0;
    std::vector<Bound> above;  // >, >=; ascending
    std::vector<Bound> below;  // <, <=; descending
  };

  void AddKey(const sql::Constraint& term, uint32_t entry);
  void BuildRegexps(ColumnKeys* keys);
  void FindText(ColumnKeys& keys, const sql::Cell& cell);
  void FindNumber(ColumnKeys& keys, const sql::Cell& cell);
  void Look(uint32_t entry);

  std::vector<Entry> entries_;
  std::map<size_t, ColumnKeys> columns_;
  std::vector<uint32_t> unkeyed_;  // entries to look at for every event
  std::vector<uint32_t> always_;   // triggers
  std::vector<bool> is_unkeyed_trigger_;

  // Of a Find.
  sql::CellCache* cells_ = nullptr;
  size_t row_ = 0;
  std::vector<uint32_t>* found_ = nullptr;
  uint64_t epoch_ = 0;
  std::vector<uint64_t> entry_epochs_;
  std::vector<uint64_t> trigger_epochs_;
  std::vector<int> atoms_;
  std::vector<int> potentials_;
};

// The longest text that whatever matches `pattern` of LIKE (or GLOB) must hold; empty: none.
std::string_view LikeLiteral(std::string_view pattern);
std::string_view GlobLiteral(std::string_view pattern);

}  // namespace daemoneye::trigger
