// RandomEvents: process events from small pools of values, so that conditions do hit: quotes, dots,
// other scripts, NUL bytes, absent fields.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "daemoneye/v1/event.pb.h"

namespace daemoneye::sql {

using EventPtr = std::unique_ptr<v1::CollectionEvent>;

class RandomEvents {
 public:
  explicit RandomEvents(uint32_t seed) : random_(seed) {}

  // A process event; absent fields are common.
  EventPtr Next();
  // What Next puts into texts; also for literals.
  std::string Text();
  int64_t Number();

  // One of 0 .. n-1.
  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  bool OneIn(size_t n) { return Below(n) == 0; }

 private:
  std::mt19937 random_;
};

// The pointers that SqlFilter::Match takes.
std::vector<const v1::CollectionEvent*> Pointers(const std::vector<EventPtr>& events);

}  // namespace daemoneye::sql
