#include "tools/eyectl/query_print.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::eyectl {
namespace {

// A row of every type, with what a terminal must not be shown.
std::string Print(RowFormat format) {
  RowPrinter printer(format);
  v1::QueryColumns columns;
  for (const char* name : {"i", "d", "s", "b", "n"}) columns.add_names(name);
  v1::QueryRows rows;
  v1::QueryRow& row = *rows.add_rows();
  row.add_cells()->set_int64(-5);
  row.add_cells()->set_double_(0.5);
  row.add_cells()->set_string("a \"b\", \x1b[31m\nc");
  row.add_cells()->set_bytes(std::string("\x00\xff", 2));
  row.add_cells()->set_null(true);
  std::string out = printer.Columns(columns);
  out += printer.Rows(rows);
  return out + printer.End();
}

TEST(QueryPrintTest, PrintsATableWithoutControlCharacters) {
  EXPECT_EQ(Print(RowFormat::kTable),
            "i   d    s                   b       n\n"
            "-5  0.5  a \"b\", \\x1b[31m\\nc  0x00ff  NULL\n");
}

TEST(QueryPrintTest, PrintsCsvOfOneLineARow) {
  EXPECT_EQ(Print(RowFormat::kCsv), "i,d,s,b,n\n-5,0.5,\"a \"\"b\"\", \\x1b[31m\\nc\",0x00ff,\n");
}

TEST(QueryPrintTest, PrintsJsonWithItsOwnEscapes) {
  EXPECT_EQ(Print(RowFormat::kJson),
            "{\"i\":-5,\"d\":0.5,\"s\":\"a \\\"b\\\", \\u001b[31m\\nc\",\"b\":\"0x00ff\","
            "\"n\":null}\n");
}

TEST(QueryPrintTest, SurvivesRowsThatDoNotFitTheirColumns) {
  for (const RowFormat format : {RowFormat::kTable, RowFormat::kCsv, RowFormat::kJson}) {
    RowPrinter printer(format);
    v1::QueryColumns columns;
    columns.add_names("only");
    v1::QueryRows rows;
    rows.add_rows();
    for (int i = 0; i < 3; ++i) rows.mutable_rows(0)->add_cells()->set_int64(i);
    rows.add_rows();
    printer.Columns(columns);
    printer.Rows(rows);
    printer.End();
  }
}

}  // namespace
}  // namespace daemoneye::eyectl
