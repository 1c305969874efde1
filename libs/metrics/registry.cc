#include "libs/metrics/registry.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "libs/metrics/registry_impl.h"

namespace daemoneye::metrics {
namespace {

// More series of one metric than this is a mistake in its labels.
constexpr size_t kMaxSeries = 1000;

// Every combination of the labels' values.
std::vector<Labels> Product(const std::vector<ClosedLabel>& labels) {
  std::vector<Labels> product = {{}};
  for (const ClosedLabel& label : labels) {
    std::vector<Labels> longer;
    for (const Labels& known : product) {
      for (const std::string& value : label.values) {
        longer.push_back(known);
        longer.back()[label.name] = value;
      }
    }
    product = std::move(longer);
    if (product.size() > kMaxSeries) {
      std::fprintf(stderr, "metrics: more than %zu series with label %s\n", kMaxSeries,
                   label.name.c_str());
      std::abort();
    }
  }
  return product;
}

}  // namespace

template <typename Handle>
Handle HandleSet<Handle>::With(std::initializer_list<std::string_view> values) const {
  if (values.size() != labels_.size()) {
    std::fprintf(stderr, "metrics: %zu label values given, %zu wanted\n", values.size(),
                 labels_.size());
    std::abort();
  }
  Labels labels;
  auto label = labels_.begin();
  for (std::string_view value : values) {
    const bool is_known = std::ranges::find(label->values, value) != label->values.end();
    labels[label->name] = is_known ? std::string(value) : "other";
    ++label;
  }
  return make_(labels);
}

template class HandleSet<Counter>;
template class HandleSet<Gauge>;

Registry::Registry(std::string prefix) : impl_(std::make_shared<Impl>(std::move(prefix))) {}

Registry::~Registry() = default;

Counter Registry::AddCounter(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->AddCounter(impl_->Prefixed(name), std::string(help), labels);
}

Gauge Registry::AddGauge(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->AddGauge(impl_->Prefixed(name), std::string(help), labels);
}

Histogram Registry::AddHistogram(std::string_view name, std::string_view help,
                                 std::span<const double> buckets, const Labels& labels) {
  return impl_->AddHistogram(impl_->Prefixed(name), std::string(help), buckets, labels);
}

template <typename Handle>
const HandleSet<Handle>& Registry::AddSet(std::string_view name, std::vector<ClosedLabel> labels,
                                          std::function<Handle(const Labels&)> make) {
  return impl_->AddSet<Handle>(std::string(name), [&] {
    auto set = std::make_unique<HandleSet<Handle>>();
    for (const Labels& known : Product(labels)) make(known);
    set->labels_ = std::move(labels);
    set->make_ = std::move(make);
    return set;
  });
}

const HandleSet<Counter>& Registry::AddCounters(std::string_view name, std::string_view help,
                                                std::vector<ClosedLabel> labels) {
  return AddSet<Counter>(
      name, std::move(labels),
      [impl = impl_.get(), full_name = impl_->Prefixed(name), help = std::string(help)](
          const Labels& values) { return impl->AddCounter(full_name, help, values); });
}

const HandleSet<Gauge>& Registry::AddGauges(std::string_view name, std::string_view help,
                                            std::vector<ClosedLabel> labels) {
  return AddSet<Gauge>(
      name, std::move(labels),
      [impl = impl_.get(), full_name = impl_->Prefixed(name), help = std::string(help)](
          const Labels& values) { return impl->AddGauge(full_name, help, values); });
}

CallbackHandle Registry::AddCallback(std::string_view name, std::string_view help, MetricType type,
                                     std::function<void(const SampleSink&)> collect) {
  return impl_->AddCallback(impl_->Prefixed(name), help, type, std::move(collect));
}

CallbackHandle Registry::AddCallback(std::string_view name, std::string_view help, MetricType type,
                                     std::function<double()> value) {
  return AddCallback(name, help, type,
                     [value = std::move(value)](const SampleSink& sink) { sink({}, value()); });
}

CallbackHandle Registry::AddUnprefixedCallback(std::string_view name, std::string_view help,
                                               MetricType type,
                                               std::function<void(const SampleSink&)> collect) {
  return impl_->AddCallback(std::string(name), help, type, std::move(collect));
}

std::string Registry::Scrape() const {
  return prometheus::TextSerializer().Serialize(impl_->Collect());
}

std::span<const double> LatencyBuckets() {
  static constexpr std::array kBuckets = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                          0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                          1.0,    2.5,     5.0,    10.0};
  return kBuckets;
}

}  // namespace daemoneye::metrics
