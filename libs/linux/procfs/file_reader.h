// Reading a procfs file whole: one open, one read, one close, into a buffer that the caller keeps.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/status.h"

namespace daemoneye::procfs {

// A buffer that is allocated once and grows, doubling, to at most `max_bytes`.
class TextBuffer {
 public:
  explicit TextBuffer(size_t bytes, size_t max_bytes = 1 << 20)
      : data_(std::make_unique_for_overwrite<char[]>(bytes)),
        bytes_(bytes),
        max_bytes_(max_bytes) {}

  char* data() { return data_.get(); }
  size_t size() const { return bytes_; }
  // Keeps the first `kept_bytes`; false at the bound.
  bool Grow(size_t kept_bytes);

 private:
  std::unique_ptr<char[]> data_;
  size_t bytes_;
  size_t max_bytes_;
};

// Reads the file `path` below `dir_fd`. The procfs files that are read here are given in one read
// when the buffer is large enough, so a read that does not fill it is the end. Returns 0 and sets
// `text` (a view of `buffer`, cut at its bound), or an errno.
int ReadFileAt(int dir_fd, const char* path, TextBuffer& buffer, std::string_view& text);

// As ReadFileAt, for a symbolic link.
int ReadLinkAt(int dir_fd, const char* path, TextBuffer& buffer, std::string_view& target);

// The status of an errno as this room means it: ENOENT and ESRCH NotFound, EACCES and EPERM
// PermissionDenied, lack of descriptors or memory and too long a path ResourceExhausted, else
// Internal.
absl::Status ErrnoStatus(int error, std::string_view what);

}  // namespace daemoneye::procfs
