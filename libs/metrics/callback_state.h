// CallbackHandle::State: one callback, and the rendezvous between a scrape that calls it and the
// handle that takes it away.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "libs/base/mutex.h"
#include "libs/metrics/registry.h"

namespace daemoneye::metrics {

struct CallbackHandle::State {
 public:
  State(std::string n, std::string h, MetricType t, std::function<void(const SampleSink&)> c)
      : name(std::move(n)), help(std::move(h)), type(t), collect_(std::move(c)) {}

  // Calls it, unless it was removed; without a lock held, so that it may lock what it likes.
  void Call(const SampleSink& sink);

  // Returns when no call is running or can follow.
  void Remove();

  bool removed() const;

  const std::string name;
  const std::string help;
  const MetricType type;

 private:
  const std::function<void(const SampleSink&)> collect_;
  mutable base::Mutex mu_;
  base::CondVar idle_;
  int running_ GUARDED_BY(mu_) = 0;
  bool removed_ GUARDED_BY(mu_) = false;
};

}  // namespace daemoneye::metrics
