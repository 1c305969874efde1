// AllowedFiles: opens regular files below a few directories, and nothing else.
//
// Nothing leads out of a root, and no link is followed on the way: not in the middle of a path, not
// at its end, not one of /proc. What is not opened is always answered in the same words, so that
// nobody learns what there is; below no root, nothing is even looked up.
//
// Threads:    any; immutable.
// Cost:       two lookups of the path.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::file {

class AllowedFiles {
 public:
  // How a path is resolved.
  enum class Resolution {
    // By openat2(2), in one step; element by element where the kernel, or a filter of system calls,
    // has it not.
    kBest,
    // Element by element, each without following links.
    kStepwise,
  };

  // `roots` are absolute paths of directories; what links in them lead to is the caller's choice.
  explicit AllowedFiles(std::vector<std::string> roots, Resolution resolution = Resolution::kBest);

  // InvalidArgument: no absolute path, or one with "..".
  static absl::Status CheckRoot(const std::string& root);

  // The regular file at `path`, absolute, open for reading. It never waits for a FIFO or a device
  // and does nothing to them. NotFound, in the same words: below no root, absent, a link on the
  // way, no regular file, a file of the kernel's own (proc, sysfs), or none that may be read.
  // ResourceExhausted: no descriptors or memory.
  absl::StatusOr<base::UniqueFd> Open(const std::string& path) const;

  const std::vector<std::string>& roots() const { return roots_; }

 private:
  // 0 or an errno.
  int OpenBelow(int root_fd, const std::string& below, int flags, base::UniqueFd& out) const;

  std::vector<std::string> roots_;
  bool is_stepwise_ = false;
};

// What AllowedFiles answers where there is nothing that it opens.
absl::Status NoSuchTarget();

}  // namespace daemoneye::file
