#include "libs/linux/file/file_hasher.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "libs/linux/procfs/process_path.h"

namespace daemoneye::file {
namespace {

using base::operator+;

constexpr size_t kChunkBytes = 256 << 10;
// Longer than the tick of any kernel's file clock.
constexpr absl::Duration kSettledAge = absl::Milliseconds(20);

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    is_good_ = context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }
  void Update(const char* data, size_t size) {
    is_good_ = is_good_ && EVP_DigestUpdate(context_.get(), data, size) == 1;
  }
  // Null when OpenSSL refused anything.
  Digest Finish() {
    constexpr char kHex[] = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned size = 0;
    if (!is_good_ || EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) != 1) return nullptr;
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += kHex[bytes[i] >> 4];
      text += kHex[bytes[i] & 0xF];
    }
    return std::make_shared<const std::string>(std::move(text));
  }

 private:
  const std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context_;
  bool is_good_ = false;
};

// pread(2), again after a signal.
ssize_t ReadAt(int fd, char* data, size_t size, uint64_t offset) {
  while (true) {
    const ssize_t n = ::pread(fd, data, size, static_cast<off_t>(offset));
    if (n >= 0 || errno != EINTR) return n;
  }
}

bool HasSettled(const procfs::FileIdentity& file, absl::Time now) {
  const absl::Time changed = absl::FromUnixNanos(std::max(file.ctime_ns, file.mtime_ns));
  return absl::AbsDuration(now - changed) >= kSettledAge;
}

}  // namespace

FileHash FileHasher::Hash(const base::UniqueFd& fd, const HashLimits& limits,
                          const std::stop_token& stop) {
  FileHash result;
  const base::Monotonic deadline = clock_.MonotonicNow() + limits.max_time;
  procfs::FileIdentity& before = result.identity;
  if (procfs::StatFile(fd.get(), "", before) != 0 || !S_ISREG(before.mode)) return result;
  result.digest = cache_.Find(before);
  if (result.digest != nullptr) {
    cache_hits_.fetch_add(1, std::memory_order_relaxed);
    result.is_from_cache = true;
    result.outcome = HashOutcome::kHashed;
    return result;
  }
  cache_misses_.fetch_add(1, std::memory_order_relaxed);
  result.outcome = HashOutcome::kTooLarge;
  if (before.size_bytes > limits.max_file_bytes) return result;
  const bool is_settled = HasSettled(before, clock_.Now());
  static_cast<void>(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
  const size_t chunk_bytes = std::min<uint64_t>(kChunkBytes, before.size_bytes + 1);
  const auto chunk = std::make_unique_for_overwrite<char[]>(chunk_bytes);
  Sha256 sha256;
  uint64_t offset = 0;
  while (true) {
    result.outcome = HashOutcome::kStopped;
    if (stop.stop_requested()) return result;
    result.outcome = HashOutcome::kTooSlow;
    if (clock_.MonotonicNow() >= deadline) return result;
    const ssize_t n = ReadAt(fd.get(), chunk.get(), chunk_bytes, offset);
    result.outcome = HashOutcome::kUnreadable;
    if (n < 0) return result;
    if (n == 0) break;
    sha256.Update(chunk.get(), static_cast<size_t>(n));
    hashed_bytes_.fetch_add(static_cast<uint64_t>(n), std::memory_order_relaxed);
    offset += static_cast<uint64_t>(n);
    // It grows as it is read: without this it might never end.
    result.outcome = HashOutcome::kChanged;
    if (offset > before.size_bytes) return result;
  }
  procfs::FileIdentity after;
  result.outcome = HashOutcome::kChanged;
  if (procfs::StatFile(fd.get(), "", after) != 0 || !(after == before)) return result;
  if (offset != before.size_bytes) return result;
  result.digest = sha256.Finish();
  result.outcome = HashOutcome::kUnreadable;
  if (result.digest == nullptr) return result;
  result.outcome = HashOutcome::kHashed;
  if (is_settled) cache_.Add(before, result.digest);
  return result;
}

HashStatistics FileHasher::statistics() const {
  return {.hashed_bytes = hashed_bytes_.load(std::memory_order_relaxed),
          .cache_hits = cache_hits_.load(std::memory_order_relaxed),
          .cache_misses = cache_misses_.load(std::memory_order_relaxed),
          .cache_evicted = cache_.evicted(),
          .cache_entries = cache_.size()};
}

}  // namespace daemoneye::file
