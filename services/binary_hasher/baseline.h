// Baseline: what files should hash to, as sha256sum(1) prints it.
//
// Threads: any; immutable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace daemoneye::hasher {

// Larger than the list of every file of a distribution's /usr.
inline constexpr size_t kMaxBaselineBytes = 64 << 20;
inline constexpr size_t kMaxBaselineLines = 500'000;

// Whether `text` is a SHA-256 in hexadecimal digits, of either case.
bool IsSha256(std::string_view text);

class Baseline {
 public:
  // "<64 digits>  <path>" or "<64 digits> *<path>" a line; empty lines and those that begin with
  // "#" are left out. A line that begins with a backslash has \\, \n and \r in its path, as
  // sha256sum writes such names. InvalidArgument: "line 3: ...".
  static absl::StatusOr<Baseline> Parse(std::string_view text);
  // NotFound, PermissionDenied, ResourceExhausted: the file. An empty path is no baseline.
  static absl::StatusOr<Baseline> Read(const std::string& path);

  // What is expected at `path`, in lower case: several where it is listed several times, as during
  // an upgrade. Null: it is not listed.
  const std::vector<std::string>* Find(std::string_view path) const;
  size_t size() const { return digests_.size(); }

 private:
  absl::flat_hash_map<std::string, std::vector<std::string>> digests_;
};

}  // namespace daemoneye::hasher
