#include "libs/trigger/dispatch_index.h"

#include <algorithm>
#include <cmath>

namespace daemoneye::trigger {
namespace {

using sql::Cell;
using sql::CellType;
using sql::Column;
using sql::Constraint;
using sql::ConstraintOp;

bool IsRange(ConstraintOp op) {
  return op == ConstraintOp::kLt || op == ConstraintOp::kLe || op == ConstraintOp::kGt ||
         op == ConstraintOp::kGe;
}

bool IsEquality(ConstraintOp op) { return op == ConstraintOp::kEq || op == ConstraintOp::kIn; }

std::string_view LiteralOf(const Constraint& term) {
  const std::string& pattern = term.values().front().text;
  return term.op() == ConstraintOp::kLike ? LikeLiteral(pattern) : GlobLiteral(pattern);
}

// How much a term is taken to drop; 0: it can be no key.
int Selectivity(const Constraint& term) {
  const bool is_small =
      term.column().kind() == Column::Kind::kEnum || term.column().kind() == Column::Kind::kBool;
  if (IsEquality(term.op())) {
    if (term.column().type() == CellType::kReal) return 0;
    const bool has_integers = std::ranges::all_of(term.values(), [](const auto& value) {
      return value.type == CellType::kText || value.type == CellType::kInteger;
    });
    if (!has_integers) return 0;
    if (is_small) return 10;
    return term.column().type() == CellType::kText ? 100 : 60;
  }
  if (IsRange(term.op())) return term.column().type() == CellType::kText ? 0 : 20;
  if (term.op() == ConstraintOp::kRegexp) return 40;
  const size_t literal = LiteralOf(term).size();
  return literal == 0 ? 0 : literal < 3 ? 15 : 50 + static_cast<int>(std::min<size_t>(literal, 40));
}

double Number(const Cell& cell) {
  return cell.type == CellType::kInteger ? static_cast<double>(cell.integer) : cell.real;
}

// The longest run of bytes for which `is_plain`; `skip` says how many bytes to leave out at others.
template <typename Skip>
std::string_view LongestRun(std::string_view pattern, Skip skip) {
  std::string_view longest;
  size_t begin = 0;
  size_t at = 0;
  const auto end_run = [&] {
    if (at - begin > longest.size()) longest = pattern.substr(begin, at - begin);
  };
  while (at < pattern.size()) {
    const size_t skipped = skip(pattern.substr(at));
    if (skipped == 0) {
      ++at;
      continue;
    }
    end_run();
    at += skipped;
    begin = at;
  }
  end_run();
  return longest;
}

}  // namespace

std::string_view LikeLiteral(std::string_view pattern) {
  return LongestRun(pattern, [](std::string_view rest) -> size_t {
    return rest[0] == '%' || rest[0] == '_' ? 1 : 0;
  });
}

std::string_view GlobLiteral(std::string_view pattern) {
  return LongestRun(pattern, [](std::string_view rest) -> size_t {
    if (rest[0] == '*' || rest[0] == '?') return 1;
    if (rest[0] != '[') return 0;
    // A set may begin with ^ and then hold ] first.
    size_t at = rest.size() > 1 && rest[1] == '^' ? 2 : 1;
    const size_t end = rest.find(']', at + 1);
    return end == std::string_view::npos ? rest.size() : end + 1;
  });
}

void DispatchIndex::Add(uint32_t trigger, const std::vector<sql::Conjunction>& alternatives) {
  if (is_unkeyed_trigger_.size() <= trigger) is_unkeyed_trigger_.resize(trigger + 1);
  if (alternatives.empty()) {
    is_unkeyed_trigger_[trigger] = true;
    always_.push_back(trigger);
    return;
  }
  for (const sql::Conjunction& terms : alternatives) {
    const bool is_never =
        std::ranges::any_of(terms, [](const Constraint& term) { return term.values().empty(); });
    if (is_never) continue;
    const auto entry = static_cast<uint32_t>(entries_.size());
    entries_.push_back({trigger, &terms});
    const auto key = std::ranges::max_element(terms, {}, Selectivity);
    if (key == terms.end() || Selectivity(*key) == 0) {
      unkeyed_.push_back(entry);
      is_unkeyed_trigger_[trigger] = true;
    } else {
      AddKey(*key, entry);
    }
  }
}

bool DispatchIndex::IsKeyed(uint32_t trigger) const {
  return trigger < is_unkeyed_trigger_.size() && !is_unkeyed_trigger_[trigger];
}

void DispatchIndex::AddKey(const Constraint& term, uint32_t entry) {
  ColumnKeys& keys = columns_[term.column_index()];
  if (IsEquality(term.op())) {
    for (const Constraint::Value& value : term.values()) {
      if (value.type == CellType::kText) {
        keys.texts[value.text].push_back(entry);
      } else {
        keys.integers[value.integer].push_back(entry);
      }
    }
  } else if (IsRange(term.op())) {
    const Constraint::Value& value = term.values().front();
    const double bound =
        value.type == CellType::kInteger ? static_cast<double>(value.integer) : value.real;
    const bool is_above = term.op() == ConstraintOp::kGt || term.op() == ConstraintOp::kGe;
    (is_above ? keys.above : keys.below).push_back({bound, entry});
  } else if (term.op() == ConstraintOp::kRegexp) {
    // Below this many bytes an atom is in every text.
    constexpr int kMinAtomBytes = 2;
    if (keys.regexps == nullptr) keys.regexps = std::make_unique<re2::FilteredRE2>(kMinAtomBytes);
    int id = 0;
    const auto code = keys.regexps->Add(term.regexp()->pattern(), term.regexp()->options(), &id);
    if (code != re2::RE2::NoError) {
      unkeyed_.push_back(entry);
      is_unkeyed_trigger_[entries_[entry].trigger] = true;
      return;
    }
    keys.regexp_entries.resize(id + 1);
    keys.regexp_entries[id] = entry;
  } else {
    keys.literals.Add(LiteralOf(term), entry);
  }
}

void DispatchIndex::BuildRegexps(ColumnKeys* keys) {
  if (keys->regexp_entries.empty()) return;
  std::vector<std::string> atoms;
  keys->regexps->Compile(&atoms);
  keys->atom_base = static_cast<uint32_t>(entries_.size());
  for (size_t i = 0; i < atoms.size(); ++i) {
    keys->literals.Add(atoms[i], keys->atom_base + static_cast<uint32_t>(i));
  }
}

void DispatchIndex::Build() {
  for (auto& [column, keys] : columns_) {
    keys.atom_base = static_cast<uint32_t>(entries_.size());
    BuildRegexps(&keys);
    keys.literals.Build();
    std::ranges::sort(keys.above, {}, &Bound::value);
    std::ranges::sort(keys.below, std::ranges::greater(), &Bound::value);
  }
  entry_epochs_.assign(entries_.size(), 0);
  trigger_epochs_.assign(is_unkeyed_trigger_.size(), 0);
}

void DispatchIndex::Look(uint32_t entry) {
  if (entry_epochs_[entry] == epoch_) return;
  entry_epochs_[entry] = epoch_;
  const Entry& candidate = entries_[entry];
  if (trigger_epochs_[candidate.trigger] == epoch_) return;
  if (!sql::MeetsAll(*candidate.terms, *cells_, row_)) return;
  trigger_epochs_[candidate.trigger] = epoch_;
  found_->push_back(candidate.trigger);
}

void DispatchIndex::FindText(ColumnKeys& keys, const Cell& cell) {
  if (!keys.texts.empty()) {
    const auto found = keys.texts.find({cell.text.data(), cell.text.size()});
    if (found != keys.texts.end()) {
      for (const uint32_t entry : found->second) Look(entry);
    }
  }
  atoms_.clear();
  if (!keys.literals.empty()) {
    keys.literals.Match(cell.text, [&](uint32_t id) {
      if (id < keys.atom_base) return Look(id);
      atoms_.push_back(static_cast<int>(id - keys.atom_base));
    });
  }
  if (keys.regexp_entries.empty()) return;
  // Beyond ASCII, letters that RE2 holds to be the same in another case may differ in bytes.
  const bool is_ascii = std::ranges::all_of(cell.text, [](char c) { return (c & 0x80) == 0; });
  if (!is_ascii) {
    for (const uint32_t entry : keys.regexp_entries) Look(entry);
    return;
  }
  std::ranges::sort(atoms_);
  atoms_.erase(std::unique(atoms_.begin(), atoms_.end()), atoms_.end());
  potentials_.clear();
  keys.regexps->AllPotentials(atoms_, &potentials_);
  for (const int id : potentials_) Look(keys.regexp_entries[id]);
}

void DispatchIndex::FindNumber(ColumnKeys& keys, const Cell& cell) {
  if (!keys.integers.empty() && cell.type == CellType::kInteger) {
    const auto found = keys.integers.find(cell.integer);
    if (found != keys.integers.end()) {
      for (const uint32_t entry : found->second) Look(entry);
    }
  }
  const double value = Number(cell);
  for (const Bound& bound : keys.above) {
    if (bound.value > value) break;
    Look(bound.entry);
  }
  for (const Bound& bound : keys.below) {
    if (bound.value < value) break;
    Look(bound.entry);
  }
}

void DispatchIndex::Find(sql::CellCache& cells, size_t row, std::vector<uint32_t>* triggers) {
  triggers->assign(always_.begin(), always_.end());
  ++epoch_;
  cells_ = &cells;
  row_ = row;
  found_ = triggers;
  for (const uint32_t entry : unkeyed_) Look(entry);
  for (auto& [column, keys] : columns_) {
    const Cell& cell = cells.Get(row, column);
    if (cell.is_null()) continue;
    if (cell.type == CellType::kText) {
      FindText(keys, cell);
    } else {
      FindNumber(keys, cell);
    }
  }
}

}  // namespace daemoneye::trigger
