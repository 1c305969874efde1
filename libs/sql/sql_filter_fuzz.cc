// Any text as filter.sql, over a few events: no crash, no hang, and no answer that depends on how
// the events are batched.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "libs/sql/random_events.h"
#include "libs/sql/sql_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using daemoneye::sql::EventPtr;
  using daemoneye::sql::SqlFilter;
  static const auto* const kEvents = [] {
    auto* events = new std::vector<EventPtr>;
    daemoneye::sql::RandomEvents random(1);
    for (int i = 0; i < 20; ++i) events->push_back(random.Next());
    return events;
  }();
  const auto filter = SqlFilter::Create({reinterpret_cast<const char*>(data), size});
  if (!filter.ok()) return 0;
  const auto all = daemoneye::sql::Pointers(*kEvents);
  std::vector<bool> together;
  const bool is_decided = (*filter)->Match(all, &together).ok();
  for (size_t i = 0; i < all.size() && is_decided; ++i) {
    std::vector<bool> alone;
    if (!(*filter)->Match({&all[i], 1}, &alone).ok()) break;
    if (alone[0] != together[i]) std::abort();
  }
  return 0;
}
