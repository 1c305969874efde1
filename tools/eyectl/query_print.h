// How rows of a query are printed: as a table, as JSON lines or as CSV. All that comes from outside
// is made safe to print.
#pragma once

#include <string>
#include <vector>

#include "daemoneye/v1/gateway_service.pb.h"
#include "tools/eyectl/table.h"

namespace daemoneye::eyectl {

enum class RowFormat { kTable, kJson, kCsv };

class RowPrinter {
 public:
  explicit RowPrinter(RowFormat format) : format_(format) {}

  // Text to be written now: the header of CSV, rows of JSON and CSV. A table is kept to its end,
  // since its columns are as wide as what is in them.
  std::string Columns(const v1::QueryColumns& columns);
  std::string Rows(const v1::QueryRows& rows);
  std::string End();

 private:
  std::string JsonRow(const v1::QueryRow& row) const;

  const RowFormat format_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> table_;
};

}  // namespace daemoneye::eyectl
