#include "libs/metrics/handles.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace daemoneye::metrics {

void Counter::Increment(uint64_t by) {
  if (metric_ != nullptr) metric_->Increment(static_cast<double>(by));
}

double Counter::value() const { return metric_ == nullptr ? 0 : metric_->Value(); }

void Gauge::Set(double value) {
  if (metric_ != nullptr) metric_->Set(value);
}

void Gauge::Add(double by) {
  if (metric_ != nullptr) metric_->Increment(by);
}

double Gauge::value() const { return metric_ == nullptr ? 0 : metric_->Value(); }

void Histogram::Observe(double value) {
  if (metric_ != nullptr) metric_->Observe(value);
}

}  // namespace daemoneye::metrics
