// The reference page of the SQL columns, as Markdown (protos/COLUMNS.md).
#pragma once

#include <string>

namespace daemoneye::sql {

std::string ColumnsMarkdown();

}  // namespace daemoneye::sql
