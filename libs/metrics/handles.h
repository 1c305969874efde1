// Counter, Gauge, Histogram: what code holds to count. Copies are the same metric; a default-made
// one counts nowhere, so that a class can be tested without a registry.
#pragma once

#include <cstdint>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace daemoneye::metrics {

class Counter {
 public:
  Counter() = default;
  explicit Counter(prometheus::Counter* metric) : metric_(metric) {}
  void Increment(uint64_t by = 1);
  double value() const;

 private:
  prometheus::Counter* metric_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(prometheus::Gauge* metric) : metric_(metric) {}
  void Set(double value);
  void Add(double by);
  double value() const;

 private:
  prometheus::Gauge* metric_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(prometheus::Histogram* metric) : metric_(metric) {}
  void Observe(double value);

 private:
  prometheus::Histogram* metric_ = nullptr;
};

}  // namespace daemoneye::metrics
