#include "libs/sql/bytecode.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

namespace daemoneye::sql {
namespace {

// Instructions that work on the current row of the one cursor, on registers that are written before
// they are read in each turn, and on constants (https://sqlite.org/opcode.html). What is not named,
// also by a later SQLite, proves nothing.
bool IsRowLocal(std::string_view opcode) {
  static const auto* const kOpcodes = new std::set<std::string_view>{
      // Control flow.
      "Init", "Halt", "Transaction", "Goto", "Gosub", "Return", "BeginSubrtn", "Once", "Noop",
      "Explain", "If", "IfNot", "IsNull", "NotNull", "IsTrue", "ElseEq", "Jump",
      // The cursor.
      "VOpen", "VFilter", "VInitIn", "VNext", "VColumn", "ResultRow",
      // MULTI-INDEX OR: rows already seen, by their place in the batch.
      "Rowid", "RowSetTest",
      // Values.
      "Integer", "Int64", "Real", "String8", "String", "Blob", "Null", "SCopy", "Copy", "Move",
      "Add", "Subtract", "Multiply", "Divide", "Remainder", "Concat", "BitAnd", "BitOr", "BitNot",
      "ShiftLeft", "ShiftRight", "Not", "And", "Or", "ZeroOrNull", "Eq", "Ne", "Lt", "Le", "Gt",
      "Ge", "Compare", "Cast", "Affinity", "RealAffinity", "CollSeq", "Function", "PureFunc",
      // Lookups in a table of constants, see ConstantTables.
      "OpenDup", "Found", "NotFound", "Rewind", "Column", "Next"};
  return kOpcodes->contains(opcode);
}

// A table of constants (the list of an IN) is filled once by these alone.
bool IsConstantFill(std::string_view opcode) {
  static const auto* const kOpcodes = new std::set<std::string_view>{
      "String8", "Integer",    "Int64",     "Real",    "Blob",    "Null",
      "Noop",    "MakeRecord", "IdxInsert", "NullRow", "Affinity"};
  return kOpcodes->contains(opcode);
}

// Which instructions fill tables of constants, and those tables' cursors.
struct ConstantTables {
  std::vector<bool> is_fill;
  std::set<int> cursors;
};

ConstantTables FindConstantTables(const Program& program) {
  ConstantTables tables{.is_fill = std::vector<bool>(program.size()), .cursors = {}};
  for (size_t i = 0; i + 1 < program.size(); ++i) {
    const Instruction& open = program[i + 1];
    if (program[i].opcode != "Once" || open.opcode != "OpenEphemeral") continue;
    const auto end = static_cast<size_t>(std::max(program[i].p2, 0));
    if (end <= i + 1 || end >= program.size()) continue;
    const bool is_constant =
        std::all_of(program.begin() + i + 2, program.begin() + end, [&](const Instruction& fill) {
          const bool is_table = fill.opcode == "IdxInsert" || fill.opcode == "NullRow";
          return IsConstantFill(fill.opcode) && (!is_table || fill.p1 == open.p1);
        });
    if (!is_constant) continue;
    std::fill(tables.is_fill.begin() + i + 1, tables.is_fill.begin() + end, true);
    tables.cursors.insert(open.p1);
  }
  // A second cursor on such a table: of an IN that is pushed down and checked again.
  for (const Instruction& instruction : program) {
    const bool is_dup = instruction.opcode == "OpenDup" && tables.cursors.contains(instruction.p2);
    if (is_dup) tables.cursors.insert(instruction.p1);
  }
  return tables;
}

bool IsTableRead(std::string_view opcode) {
  return opcode == "OpenDup" || opcode == "Found" || opcode == "NotFound" || opcode == "Rewind" ||
         opcode == "Column" || opcode == "Next";
}

bool IsEventScan(const Instruction& instruction) {
  return instruction.opcode == "VFilter" && !instruction.p4.empty() &&
         instruction.p4.front() == kEventPlanMark;
}

// Instructions that certainly go on with the next one.
bool NeverJumps(std::string_view opcode) {
  static const auto* const kOpcodes = new std::set<std::string_view>{
      "Integer",  "Int64",         "Real",       "String8",  "String",     "Blob",
      "Null",     "SCopy",         "Copy",       "Move",     "Add",        "Subtract",
      "Multiply", "Divide",        "Remainder",  "Concat",   "BitAnd",     "BitOr",
      "BitNot",   "ShiftLeft",     "ShiftRight", "Not",      "And",        "Or",
      "Compare",  "Cast",          "Affinity",   "CollSeq",  "Function",   "PureFunc",
      "VOpen",    "VColumn",       "VInitIn",    "Column",   "MakeRecord", "IdxInsert",
      "NullRow",  "OpenEphemeral", "OpenDup",    "OpenRead", "Noop",       "Explain",
      "Rowid",    "ResultRow",     "AggStep",    "AggFinal", "AggStep1",   "Transaction",
      "Close",    "RealAffinity",  "ZeroOrNull", "IsTrue"};
  return kOpcodes->contains(opcode);
}

// Where the program can go on after instruction `i`, rather too many places than too few: what
// returns to a register's address is taken to go on behind the call.
std::vector<int> Successors(const Program& program, int i) {
  const Instruction& instruction = program[i];
  const std::string& opcode = instruction.opcode;
  if (opcode == "Halt") return {};
  if (opcode == "Goto" || opcode == "Init") return {instruction.p2};
  // With no event the scan ends at once.
  if (IsEventScan(instruction)) return {instruction.p2};
  if (opcode == "Jump") return {instruction.p1, instruction.p2, instruction.p3};
  if (opcode == "InitCoroutine") return {i + 1, instruction.p2, instruction.p3};
  if (NeverJumps(opcode)) return {i + 1};
  return {i + 1, instruction.p2};
}

// Whether a row can come out though every scan of an event table is empty.
bool CanYieldWithoutEvents(const Program& program) {
  const int size = static_cast<int>(program.size());
  std::vector<bool> is_reached(program.size());
  std::vector<int> todo = {0};
  while (!todo.empty()) {
    const int i = todo.back();
    todo.pop_back();
    if (i < 0 || i >= size || is_reached[i]) continue;
    is_reached[i] = true;
    if (program[i].opcode == "ResultRow") return true;
    for (const int next : Successors(program, i)) todo.push_back(next);
  }
  return false;
}

// The instruction that moves the cursor of the scan at `scan` on; where its loop ends.
size_t LoopEnd(const Program& program, size_t scan) {
  for (size_t i = program.size(); i-- > scan;) {
    if (program[i].opcode == "VNext" && program[i].p1 == program[scan].p1) return i;
  }
  return program.size();
}

// The one text that is ever written to register `index`.
std::optional<std::string> OnlyText(const Program& program, int index) {
  std::optional<std::string> text;
  for (const Instruction& instruction : program) {
    if (instruction.opcode != "String8" || instruction.p2 != index) continue;
    if (text) return std::nullopt;
    text = instruction.p4;
  }
  return text;
}

std::string ColumnText(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr ? "" : text;
}

}  // namespace

absl::StatusOr<Program> Explain(sqlite3* db, std::string_view sql) {
  const std::string text = fmt::format("EXPLAIN {}", sql);
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(db, text.data(), static_cast<int>(text.size()), &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, sqlite3_finalize);
  Program program;
  int result = raw == nullptr ? SQLITE_ERROR : sqlite3_step(raw);
  for (; result == SQLITE_ROW; result = sqlite3_step(raw)) {
    program.push_back({.opcode = ColumnText(raw, 1),
                       .p1 = sqlite3_column_int(raw, 2),
                       .p2 = sqlite3_column_int(raw, 3),
                       .p3 = sqlite3_column_int(raw, 4),
                       .p4 = ColumnText(raw, 5)});
  }
  if (result != SQLITE_DONE) {
    return absl::InternalError(fmt::format("explain failed: {}", sqlite3_errmsg(db)));
  }
  return program;
}

bool IsBatchIndependent(const Program& program) {
  const ConstantTables tables = FindConstantTables(program);
  std::set<int> event_cursors;
  int result_rows = 0;
  for (size_t i = 0; i < program.size(); ++i) {
    const Instruction& instruction = program[i];
    if (tables.is_fill[i]) continue;
    if (!IsRowLocal(instruction.opcode)) return false;
    // Marks a value that remembers the row before: DISTINCT.
    if (instruction.opcode == "Null" && instruction.p1 != 0) return false;
    if (IsTableRead(instruction.opcode) && !tables.cursors.contains(instruction.p1)) return false;
    if (instruction.opcode == "VOpen") event_cursors.insert(instruction.p1);
    if (instruction.opcode == "ResultRow") ++result_rows;
  }
  return event_cursors.size() == 1 && result_rows == 1;
}

EventScans FindEventScans(const Program& program) {
  const ConstantTables tables = FindConstantTables(program);
  EventScans scans;
  for (const Instruction& instruction : program) {
    if (IsEventScan(instruction)) ++scans.count;
    if (instruction.opcode == "VInitIn" && !tables.cursors.contains(instruction.p1)) {
      scans.has_constant_lists = false;
    }
  }
  scans.are_needed = scans.count > 0 && !CanYieldWithoutEvents(program);
  return scans;
}

// An aggregate is certainly not over events when nothing of theirs is kept in a table of its own
// (a sorter, a coroutine), and each loop over events in which a step of it lies begins it anew in
// each turn: its end lies in the loop as well.
bool AggregatesEvents(const Program& program) {
  if (!HasAggregate(program)) return false;
  const ConstantTables tables = FindConstantTables(program);
  for (size_t i = 0; i < program.size(); ++i) {
    const std::string& opcode = program[i].opcode;
    if (tables.is_fill[i]) continue;
    if (opcode == "SorterOpen" || opcode == "OpenEphemeral" || opcode == "OpenAutoindex" ||
        opcode == "OpenPseudo" || opcode == "InitCoroutine" || opcode == "AggValue" ||
        opcode == "AggInverse") {
      return true;
    }
  }
  for (size_t scan = 0; scan < program.size(); ++scan) {
    if (!IsEventScan(program[scan])) continue;
    const size_t end = LoopEnd(program, scan);
    for (size_t i = scan; i < end && i < program.size(); ++i) {
      if (!program[i].opcode.starts_with("AggStep")) continue;
      const bool ends_inside =
          std::any_of(program.begin() + i, program.begin() + end, [&](const Instruction& final) {
            return final.opcode == "AggFinal" && final.p1 == program[i].p3;
          });
      if (!ends_inside) return true;
    }
  }
  return false;
}

bool HasAggregate(const Program& program) {
  return std::any_of(program.begin(), program.end(), [](const Instruction& instruction) {
    return instruction.opcode.starts_with("Agg");
  });
}

std::vector<std::string> ConstantRegexps(const Program& program) {
  std::vector<std::string> patterns;
  for (const Instruction& instruction : program) {
    const bool is_call = instruction.opcode == "Function" || instruction.opcode == "PureFunc";
    // Bit 0 of p1: the first argument is a constant.
    if (!is_call || instruction.p4 != "regexp(2)" || (instruction.p1 & 1) == 0) continue;
    if (auto pattern = OnlyText(program, instruction.p2)) patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

}  // namespace daemoneye::sql
