#include "services/collector_gateway/columns_page.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace daemoneye::gateway {
namespace {

TEST(ColumnsPageTest, IsUpToDate) {
  std::ifstream file("protos/COLUMNS.md");
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(page == ColumnsPage())
      << "protos/COLUMNS.md is out of date; bring it up to date with\n"
         "    bazel run //services/collector_gateway:columns_markdown > protos/COLUMNS.md";
}

}  // namespace
}  // namespace daemoneye::gateway
