// The event tables as Markdown: the first part of the reference page of the SQL columns
// (protos/COLUMNS.md), and what of it others need to tell.
#pragma once

#include <string>

#include "libs/sql/column.h"

namespace daemoneye::sql {

std::string ColumnsMarkdown();

// What a reader cannot tell from name and type: the unit, how a list is put together, the values of
// an enumeration. May be empty.
std::string ColumnRemark(const Column& column);

}  // namespace daemoneye::sql
