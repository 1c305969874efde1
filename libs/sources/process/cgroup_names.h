// CgroupNames: path, container and pod of a process's cgroup, by the key that BPF tells of it.
//
// A process may be moved between its record and the reading of its file, so that what was read is
// another cgroup's: what one process said is believed of others when a second one agrees, and for
// some minutes.
//
// Threads:    one at a time.
// Ownership:  borrows the reader and the clock.
// Cost:       a lookup; the first processes of each cgroup a file of /proc.
// Bounds:     4,096 cgroups.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "libs/base/clock.h"
#include "libs/sources/process/process_record.h"
#include "libs/sources/process/record_reader.h"

namespace daemoneye::process {

class CgroupNames {
 public:
  CgroupNames(RecordReader& reader, base::Clock& clock) : reader_(reader), clock_(clock) {}

  // Sets the texts of `record`, which is in the cgroups of `key`; says in *changes what differs.
  // False: they are not known, since the process is gone.
  bool Set(uint64_t key, bool is_enhanced, ProcessRecord& record, Change* changes);

 private:
  struct Names {
    std::string path, container, pod;
    bool is_confirmed = false;
    base::Monotonic read;
  };

  const Names* FindConfirmed(uint64_t key) const;
  void Keep(uint64_t key, std::string_view path, std::string_view container, std::string_view pod);

  RecordReader& reader_;
  base::Clock& clock_;
  absl::flat_hash_map<uint64_t, Names> names_;
};

}  // namespace daemoneye::process
