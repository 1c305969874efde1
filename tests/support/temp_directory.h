// TempDirectory: a directory of its own under /tmp, removed at the end.
//
// Its path is short, since a unix socket's may have no more than 107 bytes.
#pragma once

#include <string>
#include <string_view>

namespace daemoneye::testing_support {

class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const;
  // "unix://" and the path of a file in it.
  std::string Socket(std::string_view name) const;
  // Writes a file in it as a whole (a rename), and returns its path.
  std::string Write(std::string_view name, std::string_view text) const;

 private:
  std::string path_;
};

}  // namespace daemoneye::testing_support
