#include "tests/support/temp_directory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fmt/format.h"

namespace daemoneye::testing_support {

TempDirectory::TempDirectory() {
  char pattern[] = "/tmp/de-XXXXXX";
  if (::mkdtemp(pattern) == nullptr) std::abort();
  path_ = pattern;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDirectory::File(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

std::string TempDirectory::Socket(std::string_view name) const { return "unix://" + File(name); }

std::string TempDirectory::Write(std::string_view name, std::string_view text) const {
  const std::string path = File(name);
  std::ofstream(path + ".new", std::ios::binary) << text;
  std::filesystem::rename(path + ".new", path);
  return path;
}

}  // namespace daemoneye::testing_support
