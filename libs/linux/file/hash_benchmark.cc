// What hashing files costs, the cache left aside: hash_benchmark FILE...
//
// Prints the bytes hashed and the seconds it took; tools/bench holds that against openssl.

#include <fcntl.h>

#include <chrono>
#include <cstdint>
#include <cstdio>

#include "libs/base/clock.h"
#include "libs/base/unique_fd.h"
#include "libs/linux/file/file_hasher.h"

int main(int argc, char** argv) {
  using namespace daemoneye;
  base::Clock& clock = base::Clock::Real();
  const base::Monotonic begin = clock.MonotonicNow();
  uint64_t bytes = 0;
  for (int i = 1; i < argc; ++i) {
    file::FileHasher hasher(1, clock);
    const base::UniqueFd fd(::open(argv[i], O_RDONLY | O_CLOEXEC));
    const file::FileHash hash = hasher.Hash(fd, {.max_file_bytes = ~uint64_t{0}}, {});
    if (hash.digest == nullptr) {
      std::fprintf(stderr, "%s cannot be hashed\n", argv[i]);
      return 1;
    }
    std::printf("%s  %s\n", hash.digest->c_str(), argv[i]);
    bytes += hash.identity.size_bytes;
  }
  const double seconds = std::chrono::duration<double>(clock.MonotonicNow() - begin).count();
  std::fprintf(stderr, "%llu bytes in %.6f s\n", static_cast<unsigned long long>(bytes), seconds);
  return 0;
}
