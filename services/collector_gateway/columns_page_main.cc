// Prints the reference page of the SQL columns.

#include <cstdio>

#include "services/collector_gateway/columns_page.h"

int main() {
  std::fputs(daemoneye::gateway::ColumnsPage().c_str(), stdout);
  return 0;
}
