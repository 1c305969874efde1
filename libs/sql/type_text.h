// TypeText: a cell's type as SQL says it.
#pragma once

#include "libs/sql/column.h"

namespace daemoneye::sql {

// "INTEGER", "REAL" or "TEXT".
constexpr const char* TypeText(CellType type) {
  return type == CellType::kInteger ? "INTEGER" : type == CellType::kReal ? "REAL" : "TEXT";
}

}  // namespace daemoneye::sql
