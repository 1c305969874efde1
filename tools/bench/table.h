// Table: the figures of a bench run, each beside the floor or the peer it was measured against in
// the same run.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace daemoneye::bench {

struct Row {
  std::string name;
  // What was measured, and its unit.
  double value = 0;
  std::string unit;
  // What it is held against, measured in the same run; absent for an absolute figure.
  std::string against;
  std::optional<double> reference;
  // The bound on the ratio value / reference (or on the value itself without one).
  std::optional<double> at_least;
  std::optional<double> at_most;
  // The bound is one of correctness, not of speed: the run fails where it is missed.
  bool must_hold = false;

  double ratio() const { return reference.has_value() ? value / *reference : value; }
  // True when a bound is there and is met; absent when there is none.
  std::optional<bool> passes() const;
};

class Table {
 public:
  void Add(Row row);
  // Says that `name` could not be measured here, and why.
  static void AddAbsent(const std::string& name, const std::string& why);
  // Prints one row as it is added, so that a long run shows what it has.
  static std::string Format(const Row& row);
  const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

}  // namespace daemoneye::bench
