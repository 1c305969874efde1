// process_key: the identity of a process, as text.
//
// "<16 hex digits: first 64 bits of the boot id>-<pid namespace inode>-<pid>-<start ticks>". All of
// it is readable by anybody, so every observer of one pid namespace computes the same key; exec
// keeps it, and a reused pid has another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::event {

// What all keys of one pid namespace since one boot have in common.
struct ProcessKeySpace {
  uint64_t boot_id_high = 0;
  uint64_t pid_namespace = 0;

  friend bool operator==(const ProcessKeySpace&, const ProcessKeySpace&) = default;
};

// The parts of a key.
struct ProcessKey {
  ProcessKeySpace space;
  uint32_t pid = 0;
  uint64_t start_ticks = 0;

  friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
};

// The space of `pid_namespace` under `boot_id`, the UUID text of /proc/sys/kernel/random/boot_id.
// InvalidArgument when that is no UUID.
absl::StatusOr<ProcessKeySpace> MakeProcessKeySpace(std::string_view boot_id,
                                                    uint64_t pid_namespace);

// Replaces *out by the key's text; no allocation when it has the capacity (75 bytes at most).
void FormatProcessKey(const ProcessKey& key, std::string* out);
std::string FormatProcessKey(const ProcessKey& key);

// The inverse; nullopt for anything that FormatProcessKey does not write.
std::optional<ProcessKey> ParseProcessKey(std::string_view text);

}  // namespace daemoneye::event
