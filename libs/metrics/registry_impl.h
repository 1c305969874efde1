// Registry::Impl: prometheus-cpp's registry and our callbacks behind one Collectable.
//
// Threads: every method from any.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/metrics/callback_state.h"
#include "libs/metrics/registry.h"

namespace daemoneye::metrics {

class Registry::Impl final : public prometheus::Collectable {
 public:
  explicit Impl(std::string prefix) : prefix_(std::move(prefix)) {}

  std::string Prefixed(std::string_view name) const { return prefix_ + std::string(name); }

  Counter AddCounter(const std::string& name, const std::string& help, const Labels& labels);
  Gauge AddGauge(const std::string& name, const std::string& help, const Labels& labels);
  Histogram AddHistogram(const std::string& name, const std::string& help,
                         std::span<const double> buckets, const Labels& labels);

  // The set of that name, which `make_set` makes when there is none.
  template <typename Handle>
  const HandleSet<Handle>& AddSet(const std::string& name,
                                  std::function<std::unique_ptr<HandleSet<Handle>>()> make_set);

  CallbackHandle AddCallback(std::string name, std::string_view help, MetricType type,
                             std::function<void(const SampleSink&)> collect);

  // Families of one name are one, in order of their names.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  template <typename Handle>
  using Sets = std::map<std::string, std::unique_ptr<HandleSet<Handle>>>;

  template <typename Handle>
  Sets<Handle>& sets() REQUIRES(mu_);
  std::vector<std::shared_ptr<CallbackHandle::State>> LiveCallbacks() const;

  const std::string prefix_;
  prometheus::Registry vendor_{prometheus::Registry::InsertBehavior::Merge};
  mutable base::Mutex mu_;
  Sets<Counter> counter_sets_ GUARDED_BY(mu_);
  Sets<Gauge> gauge_sets_ GUARDED_BY(mu_);
  mutable std::vector<std::shared_ptr<CallbackHandle::State>> callbacks_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::metrics
