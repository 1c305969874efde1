#include "tools/eyectl/query_print.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "libs/base/text.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// What a cell is as a text that may be shown; NULL is `null`.
std::string CellText(const v1::Cell& cell, std::string_view null) {
  switch (cell.value_case()) {
    case v1::Cell::kInt64:
      return std::to_string(cell.int64());
    case v1::Cell::kDouble:
      return fmt::format("{}", cell.double_());
    case v1::Cell::kString:
      return EscapeForTerminal(cell.string());
    case v1::Cell::kBytes:
      return "0x" + Hex(cell.bytes());
    default:
      return std::string(null);
  }
}

// RFC 4180.
std::string CsvField(std::string text) {
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string RowPrinter::Columns(const v1::QueryColumns& columns) {
  names_.assign(columns.names().begin(), columns.names().end());
  if (format_ != RowFormat::kCsv) return "";
  std::string line;
  for (const std::string& name : names_) {
    line += (line.empty() ? "" : ",") + CsvField(EscapeForTerminal(name));
  }
  return line + "\n";
}

std::string RowPrinter::Rows(const v1::QueryRows& rows) {
  std::string out;
  for (const v1::QueryRow& row : rows.rows()) {
    if (format_ == RowFormat::kJson) {
      out += JsonRow(row) + "\n";
      continue;
    }
    std::vector<std::string> texts;
    // An empty field of CSV is NULL, an empty text is quoted.
    for (const v1::Cell& cell : row.cells()) {
      texts.push_back(CellText(cell, format_ == RowFormat::kCsv ? "" : "NULL"));
      const bool is_empty_text = cell.has_string() && cell.string().empty();
      if (format_ == RowFormat::kCsv) {
        texts.back() = is_empty_text ? "\"\"" : CsvField(std::move(texts.back()));
      }
    }
    texts.resize(names_.size());
    if (format_ == RowFormat::kCsv) {
      out += fmt::format("{}\n", fmt::join(texts, ","));
    } else {
      table_.push_back(std::move(texts));
    }
  }
  return out;
}

std::string RowPrinter::JsonRow(const v1::QueryRow& row) const {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (int i = 0; i < std::min<int>(row.cells_size(), static_cast<int>(names_.size())); ++i) {
    const v1::Cell& cell = row.cells(i);
    nlohmann::ordered_json& value = object[names_[static_cast<size_t>(i)]];
    switch (cell.value_case()) {
      case v1::Cell::kInt64:
        value = cell.int64();
        break;
      case v1::Cell::kDouble:
        value = cell.double_();
        break;
      case v1::Cell::kString:
        value = cell.string();
        break;
      case v1::Cell::kBytes:
        value = "0x" + Hex(cell.bytes());
        break;
      default:
        value = nullptr;
    }
  }
  return object.dump(-1, ' ', /*ensure_ascii=*/true,
                     nlohmann::ordered_json::error_handler_t::replace);
}

std::string RowPrinter::End() {
  if (format_ != RowFormat::kTable || names_.empty()) return "";
  std::vector<std::string> header;
  for (const std::string& name : names_) header.push_back(EscapeForTerminal(name));
  Table table(std::move(header));
  for (std::vector<std::string>& row : table_) table.Add(std::move(row));
  return table.ToString();
}

}  // namespace daemoneye::eyectl
