// UserNames: names of user ids on this host (getpwuid_r), kept for a while.
//
// Threads: one. Bounds: 1,024 names; each is asked for again after 5 minutes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"

namespace daemoneye::process {

class UserNames {
 public:
  explicit UserNames(base::Clock& clock) : clock_(clock) {}

  // Empty when the host knows none. Valid until the next call.
  std::string_view Find(uint32_t uid);

 private:
  struct Entry {
    std::string name;
    base::Monotonic read;
  };

  base::Clock& clock_;
  absl::flat_hash_map<uint32_t, Entry> names_;
  std::vector<char> buffer_;
};

}  // namespace daemoneye::process
