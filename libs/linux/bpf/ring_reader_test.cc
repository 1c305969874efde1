// The ring as the kernel lays it out, made of plain memory.

#include "libs/linux/bpf/ring_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "libs/base/unique_fd.h"

namespace daemoneye::bpf {
namespace {

// A page of the consumer's, one of the producer's, the data, and the data again, which here is
// other memory: no test lets a record wrap.
class FakeRing {
 public:
  FakeRing()
      : page_bytes_(static_cast<size_t>(::sysconf(_SC_PAGESIZE))),
        bytes_(4 * page_bytes_),
        fd_(::memfd_create("ring", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(bytes_)), 0);
    memory_ = static_cast<char*>(
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0));
    EXPECT_NE(memory_, MAP_FAILED);
  }
  ~FakeRing() { ::munmap(memory_, bytes_); }

  RingReader Reader() { return *RingReader::Create(fd_.get(), page_bytes_, 128); }

  // Puts a record there, and returns where, for Commit.
  uint64_t Reserve(std::string_view text, uint32_t bits = BPF_RINGBUF_BUSY_BIT) {
    const uint64_t at = *produced();
    char* header = memory_ + 2 * page_bytes_ + at;
    const uint32_t length = static_cast<uint32_t>(text.size()) | bits;
    std::memcpy(header, &length, sizeof length);
    std::memcpy(header + BPF_RINGBUF_HDR_SZ, text.data(), text.size());
    *produced() += (text.size() + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    return at;
  }
  void Commit(uint64_t at) {
    auto* length = reinterpret_cast<uint32_t*>(memory_ + 2 * page_bytes_ + at);
    *length &= ~static_cast<uint32_t>(BPF_RINGBUF_BUSY_BIT);
  }
  void Put(std::string_view text) { Commit(Reserve(text)); }
  uint64_t consumed() const { return *reinterpret_cast<const uint64_t*>(memory_); }

 private:
  uint64_t* produced() { return reinterpret_cast<uint64_t*>(memory_ + page_bytes_); }

  size_t page_bytes_;
  size_t bytes_;
  base::UniqueFd fd_;
  char* memory_ = nullptr;
};

TEST(RingReaderTest, ReturnsRecordsInOrderAndKeepsThemUntilRelease) {
  FakeRing ring;
  RingReader reader = ring.Reader();
  EXPECT_EQ(reader.Next(), std::nullopt);
  ring.Put("first");
  ring.Put("the second");
  EXPECT_EQ(reader.Next(), "first");
  EXPECT_EQ(reader.Next(), "the second");
  EXPECT_EQ(reader.Next(), std::nullopt);
  EXPECT_EQ(ring.consumed(), 0u);
  EXPECT_EQ(reader.waiting_bytes(), 16u + 24u);
  reader.Release();
  EXPECT_EQ(ring.consumed(), 16u + 24u);
  EXPECT_EQ(reader.waiting_bytes(), 0u);
}

TEST(RingReaderTest, WaitsForARecordThatIsBeingWritten) {
  FakeRing ring;
  RingReader reader = ring.Reader();
  ring.Put("whole");
  const uint64_t busy = ring.Reserve("not yet");
  ring.Put("behind it");
  EXPECT_EQ(reader.Next(), "whole");
  EXPECT_EQ(reader.Next(), std::nullopt);
  reader.Release();
  EXPECT_EQ(ring.consumed(), busy);
  ring.Commit(busy);
  EXPECT_EQ(reader.Next(), "not yet");
  EXPECT_EQ(reader.Next(), "behind it");
}

TEST(RingReaderTest, PassesOverWhatWasDiscarded) {
  FakeRing ring;
  RingReader reader = ring.Reader();
  ring.Reserve("discarded", BPF_RINGBUF_DISCARD_BIT);
  ring.Put("kept");
  EXPECT_EQ(reader.Next(), "kept");
  EXPECT_EQ(reader.Next(), std::nullopt);
}

TEST(RingReaderTest, GoesOnWhereTheLastReaderStopped) {
  FakeRing ring;
  ring.Put("seen");
  {
    RingReader reader = ring.Reader();
    EXPECT_EQ(reader.Next(), "seen");
    reader.Release();
  }
  ring.Put("new");
  RingReader reader = ring.Reader();
  EXPECT_EQ(reader.Next(), "new");
}

TEST(RingReaderTest, WhatIsNoRingIsRefused) {
  EXPECT_FALSE(RingReader::Create(-1, 4096, 128).ok());
}

}  // namespace
}  // namespace daemoneye::bpf
