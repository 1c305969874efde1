// LiveTables: what conditions read besides the event: `processes`, `hash_baseline`, `lists`.
//
// Threads: compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"

namespace daemoneye::trigger {

// Name → values, as SQL reads them from the table `lists`.
using Lists = std::map<std::string, std::vector<std::string>>;

// A row of `hash_baseline` that is loaded rather than seen.
struct BaselineHash {
  std::string path;
  std::string hash;
  std::string algorithm = "sha256";
  // Empty: on every host.
  std::string host;
};

class LiveTables {
 public:
  void Apply(const v1::CollectionEvent& /*event*/, absl::Time /*now*/) {}
  void SetLists(const Lists& /*lists*/) {}
  void LoadBaseline(const std::vector<BaselineHash>& /*baseline*/) {}
  // What is there now, for whom nothing changes it.
  std::unique_ptr<LiveTables> Copy() const { return std::make_unique<LiveTables>(); }
  size_t processes() const { return 0; }
  size_t process_bytes() const { return 0; }
  uint64_t processes_evicted() const { return 0; }
  size_t baseline_rows() const { return 0; }
  uint64_t baseline_refused() const { return 0; }
};

}  // namespace daemoneye::trigger
