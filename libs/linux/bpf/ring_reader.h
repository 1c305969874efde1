// RingReader: takes records out of a BPF ring buffer (kernel/bpf/ringbuf.c), in place.
//
// libbpf's own reader gives each record back to the kernel as soon as its callback returns; this
// one keeps a batch until Release(), so that whoever takes it needs no copy. And it maps the data
// once, and of the second mapping only what a record that wraps needs: half the resident memory.
//
// Threads:    one at a time.
// Ownership:  borrows the map's descriptor, which outlives it.
// Cost:       some nanoseconds a record, no call of the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace daemoneye::bpf {

class RingReader {
 public:
  // `ring_bytes` is the map's max_entries; no record is longer than `max_record_bytes`.
  static absl::StatusOr<RingReader> Create(int map_fd, size_t ring_bytes, size_t max_record_bytes);
  RingReader(RingReader&& other) noexcept;
  RingReader& operator=(RingReader&&) = delete;
  ~RingReader();

  // Readable, for poll(2) or epoll(7), level-triggered, while there is what was not yet released.
  int fd() const { return fd_; }

  // The next complete record, or nullopt. It lasts until Release().
  std::optional<std::string_view> Next();

  // Gives the kernel back all that Next() returned. From here on the kernel wakes who polls fd()
  // when a record comes.
  void Release();

  // Bytes that wait, those not released included.
  uint64_t waiting_bytes() const;

 private:
  RingReader() = default;

  int fd_ = -1;
  size_t page_bytes_ = 0;
  uint64_t mask_ = 0;
  size_t producer_bytes_ = 0;
  uint64_t* consumer_ = nullptr;
  char* producer_ = nullptr;
  const char* data_ = nullptr;
  uint64_t position_ = 0;
};

}  // namespace daemoneye::bpf
