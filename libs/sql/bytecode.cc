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
