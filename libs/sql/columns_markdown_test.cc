#include "libs/sql/columns_markdown.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace daemoneye::sql {
namespace {

TEST(ColumnsMarkdownTest, PageIsUpToDate) {
  std::ifstream file("protos/COLUMNS.md");
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(page == ColumnsMarkdown())
      << "protos/COLUMNS.md is out of date; bring it up to date with\n"
         "    bazel run //libs/sql:columns_markdown > protos/COLUMNS.md";
}

}  // namespace
}  // namespace daemoneye::sql
