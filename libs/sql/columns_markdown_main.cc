// Prints the reference page of the SQL columns.

#include <cstdio>

#include "libs/sql/columns_markdown.h"

int main() {
  std::fputs(daemoneye::sql::ColumnsMarkdown().c_str(), stdout);
  return 0;
}
