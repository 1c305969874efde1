// hash_files FILE...: prints the SHA-256 of each, by the hasher that ships: what `openssl dgst` is
// held against.

#include <fcntl.h>

#include <cstdio>

#include "libs/base/clock.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/file/file_hasher.h"

int main(int argc, char** argv) {
  using namespace daemoneye;
  file::FileHasher hasher(/*cache_entries=*/0, base::Clock::Real());
  for (int i = 1; i < argc; ++i) {
    const base::UniqueFd fd(::open(argv[i], O_RDONLY | O_CLOEXEC));
    const file::FileHash hash = hasher.Hash(fd, {}, {});
    if (hash.digest == nullptr) {
      std::fprintf(stderr, "%s cannot be hashed\n", argv[i]);
      return 1;
    }
    std::printf("%s *%s\n", hash.digest->c_str(), argv[i]);
  }
  return 0;
}
