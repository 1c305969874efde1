#include "libs/collector/source_caps.h"

namespace daemoneye::collector {

std::vector<v1::SourceCap> CapList(SourceCaps caps) {
  std::vector<v1::SourceCap> list;
  for (int value = v1::SourceCap_MIN + 1; value <= v1::SourceCap_MAX; ++value) {
    const auto cap = static_cast<v1::SourceCap>(value);
    if (Contains(caps, CapOf(cap))) list.push_back(cap);
  }
  return list;
}

SourceCaps CapOf(v1::SourceCap cap) {
  if (cap <= v1::SourceCap_MIN || cap > v1::SourceCap_MAX) return SourceCaps::kNone;
  return static_cast<SourceCaps>(1u << (cap - 1));
}

}  // namespace daemoneye::collector
