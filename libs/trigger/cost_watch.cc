#include "libs/trigger/cost_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace daemoneye::trigger {

std::optional<std::string> CostWatch::AddCutOffs(uint64_t total, const std::string& last_error,
                                                 base::Monotonic now) {
  if (total < last_cut_offs_) last_cut_offs_ = 0;
  if (total > last_cut_offs_) {
    cut_offs_.emplace_back(now, total - last_cut_offs_);
    last_cut_offs_ = total;
  } else if (cut_offs_.empty()) {
    return std::nullopt;
  }
  while (!cut_offs_.empty() && base::Elapsed(cut_offs_.front().first, now) > kCutOffTime) {
    cut_offs_.pop_front();
  }
  uint64_t sum = 0;
  for (const auto& [time, count] : cut_offs_) sum += count;
  if (sum < limits_.max_cut_offs) return std::nullopt;
  return fmt::format("cut off {} times within a minute: {}", limits_.max_cut_offs, last_error);
}

std::optional<std::string> CostWatch::AddCost(absl::Duration cpu_time, uint64_t evaluated,
                                              double cpu_ratio, base::Monotonic now) {
  if (cpu_time < last_cpu_time_ || evaluated < last_evaluated_) {
    last_cpu_time_ = absl::ZeroDuration();
    last_evaluated_ = 0;
  }
  if (cpu_time > last_cpu_time_) {
    costs_.push_back({.time = now,
                      .cpu_time = (cpu_time - last_cpu_time_) * std::min(1.0, cpu_ratio),
                      .evaluated = evaluated - last_evaluated_});
    last_cpu_time_ = cpu_time;
    last_evaluated_ = evaluated;
  }
  while (!costs_.empty() && base::Elapsed(costs_.front().time, now) > kShareTime) {
    costs_.pop_front();
  }
  absl::Duration cost;
  uint64_t events = 0;
  for (const Cost& c : costs_) {
    cost += c.cpu_time;
    events += c.evaluated;
  }
  if (cost <= kShareTime * limits_.max_cpu_ratio) return std::nullopt;
  if (cost < limits_.dear_event * std::max<double>(1, static_cast<double>(events))) {
    return std::nullopt;
  }
  return fmt::format(
      "took {:.1f} s of CPU time within {} s, {} us an event; {:.0f} % of a core are allowed",
      absl::ToDoubleSeconds(cost), absl::ToInt64Seconds(kShareTime),
      std::lround(absl::ToDoubleMicroseconds(cost) /
                  std::max<double>(1, static_cast<double>(events))),
      100 * limits_.max_cpu_ratio);
}

}  // namespace daemoneye::trigger
