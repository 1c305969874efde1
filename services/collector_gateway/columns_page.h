// The reference page of the SQL columns, as Markdown (protos/COLUMNS.md): the event tables, and
// every other table that a condition or a query can read.
#pragma once

#include <string>

namespace daemoneye::gateway {

std::string ColumnsPage();

}  // namespace daemoneye::gateway
