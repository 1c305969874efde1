#include "libs/sources/process/executable_hasher.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "libs/base/thread_priority.h"
#include "libs/linux/procfs/process_reader.h"

namespace daemoneye::process {
namespace {

using base::operator+;

constexpr size_t kMaxRequests = 1024;
constexpr size_t kMaxDigests = 8192;
constexpr size_t kChunkBytes = 256 << 10;
constexpr absl::Duration kIdleWait = absl::Hours(1);

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// SHA-256 of an open file, as long as it takes no more than it may.
class FileHash {
 public:
  FileHash(const HashLimits& limits, base::Clock& clock, std::stop_token stop)
      : limits_(limits), clock_(clock), stop_(std::move(stop)) {}

  v1::HashState Read(int fd) {
    if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
      return v1::HASH_STATE_UNREADABLE;
    }
    const base::Monotonic deadline = clock_.MonotonicNow() + limits_.max_time;
    const auto chunk = std::make_unique_for_overwrite<char[]>(kChunkBytes);
    for (uint64_t offset = 0;;) {
      if (stop_.stop_requested()) return v1::HASH_STATE_UNREADABLE;
      if (offset > limits_.max_file_bytes || clock_.MonotonicNow() >= deadline) {
        return v1::HASH_STATE_OVER_BUDGET;
      }
      const ssize_t n = ::pread(fd, chunk.get(), kChunkBytes, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return v1::HASH_STATE_UNREADABLE;
      if (n == 0) return v1::HASH_STATE_AVAILABLE;
      if (EVP_DigestUpdate(context_.get(), chunk.get(), static_cast<size_t>(n)) != 1) {
        return v1::HASH_STATE_UNREADABLE;
      }
      offset += static_cast<uint64_t>(n);
    }
  }

  Digest Finish() {
    constexpr char kHex[] = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) != 1) return nullptr;
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += kHex[bytes[i] >> 4];
      text += kHex[bytes[i] & 0xF];
    }
    return std::make_shared<const std::string>(std::move(text));
  }

 private:
  const HashLimits& limits_;
  base::Clock& clock_;
  const std::stop_token stop_;
  const std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context_{EVP_MD_CTX_new()};
};

}  // namespace

ExecutableHasher::ExecutableHasher(const procfs::ProcFs& fs, const HashLimits& limits,
                                   base::Clock& clock)
    : fs_(fs), limits_(limits), clock_(clock), cache_(kMaxDigests), queue_(kMaxRequests, clock) {}

ExecutableHasher::~ExecutableHasher() { Stop(); }

bool ExecutableHasher::Request(uint32_t pid, uint64_t start_ticks) {
  Wanted wanted{pid, start_ticks};
  if (!queue_.TryPush(wanted)) return false;
  base::MutexLock lock(mu_);
  if (!is_stopped_ && !thread_.joinable()) {
    thread_ = base::Thread("process-hash", [this](std::stop_token stop) { Run(std::move(stop)); });
  }
  return true;
}

void ExecutableHasher::Run(std::stop_token stop) {
  base::LowerThreadPriority();
  while (!stop.stop_requested()) {
    const auto wanted = queue_.PopBefore(clock_.MonotonicNow() + kIdleWait);
    if (wanted.has_value() && !stop.stop_requested()) {
      Deliver(HashNow(wanted->pid, wanted->start_ticks, stop));
    }
    if (!wanted.has_value() && queue_.closed()) return;
  }
}

void ExecutableHasher::Deliver(HashResult result) {
  {
    base::MutexLock lock(mu_);
    results_.push_back(std::move(result));
    if (results_.size() != 1) return;
  }
  base::MutexLock lock(callback_mu_);
  if (on_results_) on_results_();
}

std::vector<HashResult> ExecutableHasher::TakeResults() {
  base::MutexLock lock(mu_);
  return std::exchange(results_, {});
}

void ExecutableHasher::SetOnResults(std::function<void()> on_results) {
  base::MutexLock lock(callback_mu_);
  on_results_ = std::move(on_results);
}

HashResult ExecutableHasher::HashNow(uint32_t pid, uint64_t start_ticks, std::stop_token stop) {
  HashResult result{.pid = pid, .start_ticks = start_ticks};
  procfs::ProcessReader reader(fs_);
  if (!reader.Select(static_cast<pid_t>(pid)).ok()) return result;
  const auto stat = reader.ReadStat();
  if (!stat.ok() || stat->start_ticks != start_ticks) return result;
  const auto file = reader.OpenExe();
  if (!file.ok()) return result;
  result.image = file->identity;
  result.digest = cache_.Find(file->identity);
  if (result.digest != nullptr) {
    result.state = v1::HASH_STATE_AVAILABLE;
    return result;
  }
  FileHash hash(limits_, clock_, std::move(stop));
  const bool is_too_large = file->identity.size_bytes > limits_.max_file_bytes;
  result.state = is_too_large ? v1::HASH_STATE_OVER_BUDGET : hash.Read(file->fd.get());
  if (result.state != v1::HASH_STATE_AVAILABLE) return result;
  const auto after = procfs::ProcessReader::StatOpen(file->fd);
  if (!after.ok() || !(*after == file->identity)) {
    result.state = v1::HASH_STATE_CHANGED_WHILE_READ;
    return result;
  }
  result.digest = hash.Finish();
  if (result.digest == nullptr) {
    result.state = v1::HASH_STATE_UNREADABLE;
  } else {
    cache_.Add(file->identity, result.digest);
  }
  return result;
}

void ExecutableHasher::Stop() {
  {
    base::MutexLock lock(mu_);
    is_stopped_ = true;
  }
  thread_.RequestStop();
  queue_.Close();
  thread_.StopAndJoin();
}

}  // namespace daemoneye::process
