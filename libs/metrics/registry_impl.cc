#include "libs/metrics/registry_impl.h"

#include <prometheus/check_names.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "libs/base/text.h"

namespace daemoneye::metrics {
namespace {

// Runs `add`, which registers `name`; the vendor throws on what only a programmer can get wrong.
template <typename Add>
auto& OrAbort(const std::string& name, const std::string& help, Add add) {
  try {
    if (help.empty()) throw std::invalid_argument("no help text");
    return add();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "metrics: cannot register %s: %s\n", name.c_str(), e.what());
    std::abort();
  }
}

Labels ValidUtf8(const Labels& labels) {
  Labels out = labels;
  for (auto& [name, value] : out) {
    if (!base::IsUtf8(value)) value = base::EscapeBytes(value);
  }
  return out;
}

prometheus::ClientMetric ToClientMetric(const Labels& labels, MetricType type, double value) {
  prometheus::ClientMetric metric;
  for (const auto& [name, label_value] : ValidUtf8(labels)) {
    metric.label.push_back({name, label_value});
  }
  if (type == MetricType::kCounter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

prometheus::MetricFamily CollectOne(CallbackHandle::State& callback) {
  prometheus::MetricFamily family;
  family.name = callback.name;
  family.help = callback.help;
  family.type = callback.type == MetricType::kCounter ? prometheus::MetricType::Counter
                                                      : prometheus::MetricType::Gauge;
  callback.Call([&](const Labels& labels, double value) {
    family.metric.push_back(ToClientMetric(labels, callback.type, value));
  });
  return family;
}

}  // namespace

Counter Registry::Impl::AddCounter(const std::string& name, const std::string& help,
                                   const Labels& labels) {
  return Counter(&OrAbort(name, help, [&]() -> auto& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(vendor_).Add(
        ValidUtf8(labels));
  }));
}

Gauge Registry::Impl::AddGauge(const std::string& name, const std::string& help,
                               const Labels& labels) {
  return Gauge(&OrAbort(name, help, [&]() -> auto& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(vendor_).Add(ValidUtf8(labels));
  }));
}

Histogram Registry::Impl::AddHistogram(const std::string& name, const std::string& help,
                                       std::span<const double> buckets, const Labels& labels) {
  return Histogram(&OrAbort(name, help, [&]() -> auto& {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(vendor_).Add(
        ValidUtf8(labels), prometheus::Histogram::BucketBoundaries(buckets.begin(), buckets.end()));
  }));
}

template <>
Registry::Impl::Sets<Counter>& Registry::Impl::sets<Counter>() {
  return counter_sets_;
}

template <>
Registry::Impl::Sets<Gauge>& Registry::Impl::sets<Gauge>() {
  return gauge_sets_;
}

template <typename Handle>
const HandleSet<Handle>& Registry::Impl::AddSet(
    const std::string& name, std::function<std::unique_ptr<HandleSet<Handle>>()> make_set) {
  base::MutexLock lock(mu_);
  std::unique_ptr<HandleSet<Handle>>& set = sets<Handle>()[name];
  if (set == nullptr) set = make_set();
  return *set;
}

template const HandleSet<Counter>& Registry::Impl::AddSet(
    const std::string&, std::function<std::unique_ptr<HandleSet<Counter>>()>);
template const HandleSet<Gauge>& Registry::Impl::AddSet(
    const std::string&, std::function<std::unique_ptr<HandleSet<Gauge>>()>);

CallbackHandle Registry::Impl::AddCallback(std::string name, std::string_view help, MetricType type,
                                           std::function<void(const SampleSink&)> collect) {
  if (!prometheus::CheckMetricName(name) || help.empty()) {
    std::fprintf(stderr, "metrics: cannot register %s: bad name or no help text\n", name.c_str());
    std::abort();
  }
  auto state = std::make_shared<CallbackHandle::State>(std::move(name), std::string(help), type,
                                                       std::move(collect));
  base::MutexLock lock(mu_);
  std::erase_if(callbacks_, [](const auto& callback) { return callback->removed(); });
  callbacks_.push_back(state);
  return CallbackHandle(std::move(state));
}

std::vector<std::shared_ptr<CallbackHandle::State>> Registry::Impl::LiveCallbacks() const {
  base::MutexLock lock(mu_);
  std::erase_if(callbacks_, [](const auto& callback) { return callback->removed(); });
  return callbacks_;
}

std::vector<prometheus::MetricFamily> Registry::Impl::Collect() const {
  std::map<std::string, prometheus::MetricFamily> by_name;
  auto add = [&](prometheus::MetricFamily family) {
    if (family.metric.empty()) return;
    auto [it, is_new] = by_name.try_emplace(family.name, family);
    if (is_new) return;
    it->second.metric.insert(it->second.metric.end(), family.metric.begin(), family.metric.end());
  };
  for (prometheus::MetricFamily& family : vendor_.Collect()) add(std::move(family));
  for (const auto& callback : LiveCallbacks()) add(CollectOne(*callback));

  std::vector<prometheus::MetricFamily> families;
  families.reserve(by_name.size());
  for (auto& [name, family] : by_name) families.push_back(std::move(family));
  return families;
}

}  // namespace daemoneye::metrics
