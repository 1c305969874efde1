#include "libs/linux/bpf/ring_reader.h"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "libs/linux/procfs/file_reader.h"

namespace daemoneye::bpf {
namespace {

uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

absl::Status Unmappable(std::string_view what) {
  return procfs::ErrnoStatus(errno, fmt::format("map a BPF ring's {}", what));
}

}  // namespace

absl::StatusOr<RingReader> RingReader::Create(int map_fd, size_t ring_bytes,
                                              size_t max_record_bytes) {
  RingReader reader;
  reader.fd_ = map_fd;
  reader.page_bytes_ = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  reader.mask_ = ring_bytes - 1;
  void* consumer =
      ::mmap(nullptr, reader.page_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return Unmappable("consumer page");
  reader.consumer_ = static_cast<uint64_t*>(consumer);

  const size_t tail = RoundUp(max_record_bytes + BPF_RINGBUF_HDR_SZ, reader.page_bytes_);
  reader.producer_bytes_ = reader.page_bytes_ + ring_bytes + std::min(tail, ring_bytes);
  void* producer = ::mmap(nullptr, reader.producer_bytes_, PROT_READ, MAP_SHARED, map_fd,
                          static_cast<off_t>(reader.page_bytes_));
  if (producer == MAP_FAILED) return Unmappable("data");
  reader.producer_ = static_cast<char*>(producer);
  reader.data_ = reader.producer_ + reader.page_bytes_;
  reader.position_ = __atomic_load_n(reader.consumer_, __ATOMIC_ACQUIRE);
  return reader;
}

RingReader::RingReader(RingReader&& other) noexcept
    : fd_(other.fd_),
      page_bytes_(other.page_bytes_),
      mask_(other.mask_),
      producer_bytes_(other.producer_bytes_),
      consumer_(std::exchange(other.consumer_, nullptr)),
      producer_(std::exchange(other.producer_, nullptr)),
      data_(other.data_),
      position_(other.position_) {}

RingReader::~RingReader() {
  if (consumer_ != nullptr) ::munmap(consumer_, page_bytes_);
  if (producer_ != nullptr) ::munmap(producer_, producer_bytes_);
}

std::optional<std::string_view> RingReader::Next() {
  const auto* produced = reinterpret_cast<const uint64_t*>(producer_);
  while (position_ < __atomic_load_n(produced, __ATOMIC_SEQ_CST)) {
    const char* header = data_ + (position_ & mask_);
    const uint32_t length =
        __atomic_load_n(reinterpret_cast<const uint32_t*>(header), __ATOMIC_ACQUIRE);
    if ((length & BPF_RINGBUF_BUSY_BIT) != 0) return std::nullopt;
    const uint32_t bytes = length & ~static_cast<uint32_t>(BPF_RINGBUF_DISCARD_BIT);
    position_ += RoundUp(bytes + BPF_RINGBUF_HDR_SZ, 8);
    if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) {
      return std::string_view(header + BPF_RINGBUF_HDR_SZ, bytes);
    }
  }
  return std::nullopt;
}

void RingReader::Release() {
  // The kernel wakes nobody while it finds us behind, so what Next() reads must not be older than
  // what it now finds.
  __atomic_store_n(consumer_, position_, __ATOMIC_SEQ_CST);
}

uint64_t RingReader::waiting_bytes() const {
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(producer_), __ATOMIC_ACQUIRE) -
         __atomic_load_n(consumer_, __ATOMIC_RELAXED);
}

}  // namespace daemoneye::bpf
