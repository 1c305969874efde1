// Registry: a process's metrics. Names are given without the prefix `daemoneye_`, which it adds.
//
//   auto& dropped = registry.AddCounters("events_dropped_total", "Events shed, by stage and
//   reason.",
//                                        {{"stage", {"kernel", "intake"}}, {"reason", {"full"}}});
//   metrics::Counter full = dropped.With({"intake", "full"});   // once
//   full.Increment(n);                                          // on the hot path
//
// Label values come from closed sets, so a page's size is bounded: a value outside its set counts
// as "other". Every combination of known values is on the page from the start, at 0.
//
// Threads:    every method from any.
// Ownership:  owns what handles point to: it outlives them. Callbacks are owned by their handle.
// Cost:       Increment and Set are one atomic operation, Observe takes an uncontended lock.
// Names, labels and buckets are the programmer's: a wrong one aborts the process and says which.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libs/metrics/handles.h"

namespace daemoneye::metrics {

using Labels = std::map<std::string, std::string>;

// A label and all the values it can have.
struct ClosedLabel {
  std::string name;
  std::vector<std::string> values;
};

// A metric with labels: a handle for each combination of values.
template <typename Handle>
class HandleSet {
 public:
  // One value a label, in the order of the labels. Resolve once and keep the handle.
  Handle With(std::initializer_list<std::string_view> values) const;

 private:
  friend class Registry;
  std::vector<ClosedLabel> labels_;
  std::function<Handle(const Labels&)> make_;
};

enum class MetricType { kCounter, kGauge };

// Given to a callback at a scrape: adds one sample.
using SampleSink = std::function<void(const Labels& labels, double value)>;

// Keeps a callback registered; its destructor returns when no call is running or can follow.
class [[nodiscard]] CallbackHandle {
 public:
  struct State;

  CallbackHandle() = default;
  CallbackHandle(CallbackHandle&&) noexcept = default;
  CallbackHandle& operator=(CallbackHandle&&) noexcept;
  ~CallbackHandle();

 private:
  friend class Registry;
  explicit CallbackHandle(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

class Registry {
 public:
  explicit Registry(std::string prefix = "daemoneye_");
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The same name and labels again give the same metric; the same name with other labels adds a
  // series (for a set that is known only later, such as sources; it must still be a closed one).
  Counter AddCounter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge AddGauge(std::string_view name, std::string_view help, const Labels& labels = {});
  // `buckets`: upper bounds, ascending, in base units (seconds, bytes).
  Histogram AddHistogram(std::string_view name, std::string_view help,
                         std::span<const double> buckets, const Labels& labels = {});

  const HandleSet<Counter>& AddCounters(std::string_view name, std::string_view help,
                                        std::vector<ClosedLabel> labels);
  const HandleSet<Gauge>& AddGauges(std::string_view name, std::string_view help,
                                    std::vector<ClosedLabel> labels);

  // Calls `collect` at each scrape, on a thread of the server: for what somebody else counts
  // already (queue lengths, accounting). It must not block, nor add or remove callbacks. Several
  // callbacks may share a name; each gives other labels.
  CallbackHandle AddCallback(std::string_view name, std::string_view help, MetricType type,
                             std::function<void(const SampleSink&)> collect);
  // One sample without labels.
  CallbackHandle AddCallback(std::string_view name, std::string_view help, MetricType type,
                             std::function<double()> value);

  // As AddCallback, but `name` is taken as it stands: for names that are conventions (process_*).
  CallbackHandle AddUnprefixedCallback(std::string_view name, std::string_view help,
                                       MetricType type,
                                       std::function<void(const SampleSink&)> collect);

  // The page: Prometheus' text format 0.0.4.
  std::string Scrape() const;

 private:
  friend class MetricsServer;
  class Impl;

  template <typename Handle>
  const HandleSet<Handle>& AddSet(std::string_view name, std::vector<ClosedLabel> labels,
                                  std::function<Handle(const Labels&)> make);

  std::shared_ptr<Impl> impl_;
};

// Bucket bounds from 100 µs to 10 s, for latencies in seconds.
std::span<const double> LatencyBuckets();

}  // namespace daemoneye::metrics
