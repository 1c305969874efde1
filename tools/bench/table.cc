#include "tools/bench/table.h"

#include <cstdio>

#include "fmt/format.h"

namespace daemoneye::bench {

std::optional<bool> Row::passes() const {
  if (!at_least.has_value() && !at_most.has_value()) return std::nullopt;
  return (!at_least.has_value() || ratio() >= *at_least) &&
         (!at_most.has_value() || ratio() <= *at_most);
}

void Table::Add(Row row) {
  if (rows_.empty()) {
    fmt::print("{:<44} {:>12} {:<10} {:>12} {:>7}  {:<10} {}\n", "figure", "value", "unit",
               "reference", "ratio", "target", "against");
  }
  fmt::print("{}\n", Format(row));
  std::fflush(stdout);
  rows_.push_back(std::move(row));
}

void Table::AddAbsent(const std::string& name, const std::string& why) {
  fmt::print("{}: NOT MEASURED: {}\n", name, why);
  std::fflush(stdout);
}

std::string Table::Format(const Row& row) {
  const auto number = [](double v) {
    return v >= 1000 ? fmt::format("{:.0f}", v) : fmt::format("{:.3g}", v);
  };
  std::string target;
  if (row.at_least.has_value()) target = fmt::format(">= {:.4g}", *row.at_least);
  if (row.at_most.has_value()) target = fmt::format("<= {:.4g}", *row.at_most);
  if (const auto passes = row.passes(); passes.has_value()) target += *passes ? " ok" : " MISS";
  return fmt::format("{:<44} {:>12} {:<10} {:>12} {:>7}  {:<10} {}", row.name, number(row.value),
                     row.unit, row.reference.has_value() ? number(*row.reference) : "",
                     row.reference.has_value() ? fmt::format("{:.2f}", row.ratio()) : "", target,
                     row.against);
}

}  // namespace daemoneye::bench
