// ProcessRecord: what a scan keeps of a process, and ChangeSet: what the next one found different.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "daemoneye/v1/process.pb.h"
#include "libs/linux/file/digest_cache.h"
#include "libs/linux/procfs/proc_links.h"
#include "libs/linux/procfs/proc_status.h"
#include "libs/sources/process/packed_texts.h"

namespace daemoneye::process {

inline constexpr uint64_t kLayoutInExec = 1;

inline constexpr uint32_t kUnset = ~uint32_t{0};

// The file that a process runs.
struct ImageIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;  // 0: not known
  uint32_t mode = 0;
  uint32_t owner_uid = 0;

  bool is_known() const { return inode != 0; }
  bool is_same_file(const ImageIdentity& o) const { return device == o.device && inode == o.inode; }
};

// Namespaces' inode numbers have 32 bits in the kernel; 0: not known.
struct CompactNamespaces {
  uint32_t cgroup = 0, ipc = 0, mnt = 0, net = 0, pid = 0, time = 0, user = 0, uts = 0;
};

struct ProcessRecord {
  // Identity.
  uint32_t pid = 0;
  uint32_t ppid = 0;
  uint64_t start_ticks = 0;

  // Readings.
  uint64_t cpu_ns = 0;
  int64_t cpu_read_ns = 0;  // monotonic
  uint64_t rss_bytes = 0;
  float cpu_percent = -1;  // negative: not known yet

  // Fingerprint of where exec(2) put the image into memory; 0: not visible; kLayoutInExec: nowhere
  // yet. A new exec moves it.
  uint64_t layout = 0;
  // The kernel's own count of execs, over fork too; 0: read from a procfs, which does not tell.
  uint64_t exec_id = 0;
  // See bpf::TaskRecord; 0: not known.
  uint64_t cgroup_key = 0;
  ImageIdentity image;
  uint32_t exec_count = 0;

  uint32_t uid = kUnset;
  uint32_t euid = kUnset;
  uint32_t gid = kUnset;
  uint32_t login_uid = kUnset;
  uint32_t session = 0;
  uint32_t tty_nr = 0;
  uint32_t container_pid = 0;  // 0: same as pid, or not known
  CompactNamespaces namespaces;
  procfs::CapabilitySets capabilities;
  uint64_t command_line_total_bytes = 0;
  PackedTexts texts;
  file::Digest digest;
  uint8_t hash_state = v1::HASH_STATE_UNSPECIFIED;

  uint16_t rules_reported = 0;  // bit n: Rule n
  uint32_t first_scan = 0;
  int32_t exit_code = 0;
  bool has_status : 1 = false;
  bool has_capabilities : 1 = false;
  bool is_kernel_thread : 1 = false;
  bool is_zombie : 1 = false;
  bool is_accessible : 1 = false;
  bool is_memfd : 1 = false;
  // file_exists and on_disk_mismatch are known.
  bool is_file_checked : 1 = false;
  bool is_file_there : 1 = false;
  bool is_mismatched : 1 = false;
  bool are_details_missing : 1 = false;
  bool is_own : 1 = false;
  // What was sent of it was lost, so it is sent again.
  bool is_unannounced : 1 = false;
  // Hashing it is wanted and could not be asked for yet.
  bool is_hash_wanted : 1 = false;
  // Read in the middle of an exec: what it says may be of either image, or of none.
  bool is_in_exec : 1 = false;
  // The link of its image says "(deleted)".
  bool is_deleted : 1 = false;
  // `image` is of the kernel's structures: on overlayfs another than stat(2) tells.
  bool is_image_of_kernel : 1 = false;
  // exit_code is known.
  bool is_exit_known : 1 = false;

  size_t byte_size() const { return sizeof(*this) - sizeof(PackedTexts) + texts.byte_size(); }
};

// What differs, as bits.
enum class Change : uint32_t {
  kNone = 0,
  kName = 1 << 0,
  kCommandLine = 1 << 1,
  kExecutable = 1 << 2,
  kUser = 1 << 3,
  kEffectiveUser = 1 << 4,
  kGroup = 1 << 5,
  kFileExists = 1 << 6,
  kMismatch = 1 << 7,
  kCgroup = 1 << 8,
  kContainer = 1 << 9,
  kHash = 1 << 10,
  kHashState = 1 << 11,
  // Not fields: a new image by exec; the image's identity; a reading of CPU or memory.
  kExec = 1 << 12,
  kImage = 1 << 13,
  kReading = 1 << 14,
};
constexpr Change operator|(Change a, Change b) {
  return static_cast<Change>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr Change operator&(Change a, Change b) {
  return static_cast<Change>(static_cast<uint32_t>(a) & static_cast<uint32_t>(b));
}
constexpr Change& operator|=(Change& a, Change b) { return a = a | b; }
constexpr bool Has(Change all, Change some) { return (all & some) != Change::kNone; }

// Those that make a MODIFIED.
inline constexpr Change kModifications = static_cast<Change>((1 << 12) - 1);

}  // namespace daemoneye::process
