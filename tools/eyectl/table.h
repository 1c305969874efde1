// Table: rows of texts under a header, each column as wide as its widest text.
#pragma once

#include <string>
#include <vector>

namespace daemoneye::eyectl {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  // As many texts as the header has, escaped already.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }

  // Each line begins with `indent`; none ends in a space.
  std::string ToString(std::string_view indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace daemoneye::eyectl
