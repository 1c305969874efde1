// A cell as the result of a virtual table's column.
#pragma once

#include <sqlite3.h>

#include "libs/sql/column.h"

namespace daemoneye::sql {

void SetResult(sqlite3_context* context, const Cell& cell);

}  // namespace daemoneye::sql
