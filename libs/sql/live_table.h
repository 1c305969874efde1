// LiveTable: rows in memory that statements read beside the events, as an SQLite virtual table.
//
// Slots hold rows; an equality index on some columns says which slots may hold a value. A table
// must not change while a statement runs.
//
// Threads: compatible.
// Cost:    0.3 µs a look-up by an indexed column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/sql/column.h"
#include "libs/sql/event_vtab.h"

struct sqlite3;

namespace daemoneye::sql {

struct LiveColumn {
  std::string name;
  CellType type = CellType::kText;
  bool is_indexed = false;
};

class LiveTable {
 public:
  virtual ~LiveTable() = default;

  virtual const std::string& name() const = 0;
  virtual std::span<const LiveColumn> columns() const = 0;
  // Slots are 0 .. slots()-1; not each holds a row.
  virtual size_t slots() const = 0;
  virtual bool HasRow(size_t slot) const = 0;
  // A value of a row; texts that must be made are made in `scratch`.
  virtual Cell Get(size_t slot, size_t column, std::string* scratch) const = 0;
  // The slots whose value in `column`, an indexed one, may be `value`; each that is must be there.
  virtual std::span<const uint32_t> Find(size_t column, const Cell& value) const = 0;
};

// Equal for values that SQL's = calls equal; never called for NULL.
uint64_t HashCell(const Cell& cell);

// Which slots hold a value, by its hash.
class CellIndex {
 public:
  void Add(uint64_t hash, uint32_t slot) { slots_[hash].push_back(slot); }
  void Remove(uint64_t hash, uint32_t slot);
  std::span<const uint32_t> Find(uint64_t hash) const;
  void Clear() { slots_.clear(); }

 private:
  absl::flat_hash_map<uint64_t, std::vector<uint32_t>> slots_;
};

// Adds `table` to `db`; both it and `rows`, the connection's, outlive `db`. Returns SQLite's result
// code.
int AddLiveTable(sqlite3* db, const LiveTable& table, EventRows* rows);

}  // namespace daemoneye::sql
