// Real files, some of which change while they are read.

#include "libs/linux/file/file_hasher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"

namespace daemoneye::file {
namespace {

constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// A clock that does something whenever it is asked, as between two chunks.
class TellingClock final : public base::Clock {
 public:
  absl::Time Now() const override { return clock_.Now(); }
  base::Monotonic MonotonicNow() const override {
    ++asked;
    if (on_asked) on_asked(asked);
    return clock_.MonotonicNow();
  }
  bool WaitUntil(base::CondVar& cv, base::Mutex& mu, base::Monotonic deadline) override
      REQUIRES(mu) {
    return clock_.WaitUntil(cv, mu, deadline);
  }
  void Advance(absl::Duration d) { clock_.Advance(d); }

  mutable int asked = 0;
  std::function<void(int)> on_asked;

 private:
  base::FakeClock clock_;
};

class FileHasherTest : public testing::Test {
 protected:
  FileHasherTest() { std::filesystem::create_directories(directory_); }
  ~FileHasherTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  static base::UniqueFd Open(const std::string& path) {
    return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  FileHash Hash(const std::string& path, const HashLimits& limits = {},
                const std::stop_token& stop = {}) {
    return hasher_.Hash(Open(path), limits, stop);
  }

  const std::string directory_ = testing::TempDir() + "/hashed";
  TellingClock clock_;
  FileHasher hasher_{16, clock_};
};

TEST_F(FileHasherTest, IsTheSha256OfTheWholeFile) {
  EXPECT_EQ(*Hash(Write("abc", "abc")).digest, kAbc);
  EXPECT_EQ(*Hash(Write("empty", "")).digest, kNothing);
  // More than a chunk, and no multiple of one: FIPS 180-4's million of "a".
  EXPECT_EQ(*Hash(Write("a", std::string(1'000'000, 'a'))).digest,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(FileHasherTest, ReadsAFileOnceAndAgainWhenItChanged) {
  const std::string path = Write("abc", "abc");
  EXPECT_FALSE(Hash(path).is_from_cache);
  EXPECT_TRUE(Hash(path).is_from_cache);
  EXPECT_EQ(hasher_.statistics().hashed_bytes, 3u);
  EXPECT_EQ(hasher_.statistics().cache_hits, 1u);
  EXPECT_EQ(hasher_.statistics().cache_misses, 1u);
  std::ofstream(path, std::ios::app) << "d";
  const FileHash after = Hash(path);
  EXPECT_FALSE(after.is_from_cache);
  EXPECT_NE(*after.digest, kAbc);
}

TEST_F(FileHasherTest, HashesTheFileThatWasOpenedWhateverStandsAtItsPathNow) {
  const std::string path = Write("abc", "abc");
  const base::UniqueFd fd = Open(path);
  std::filesystem::rename(Write("other", "xyz"), path);
  // The rename took the last link of what is open: that moves its ctime, not its content.
  EXPECT_EQ(*hasher_.Hash(fd, {}, {}).digest, kAbc);
}

TEST_F(FileHasherTest, TellsNoDigestOfAFileThatChangesWhileItIsRead) {
  const struct {
    const char* what;
    std::function<void(const std::string&)> change;
  } cases[] = {
      {"appended", [](const auto& path) { std::ofstream(path, std::ios::app) << "d"; }},
      {"cut", [](const auto& path) { std::filesystem::resize_file(path, 1); }},
      {"written over",
       [](const auto& path) { std::fstream(path, std::ios::in | std::ios::out) << "b"; }},
      {"renamed over",
       [this](const auto& path) { std::filesystem::rename(Write("o", "x"), path); }},
  };
  for (const auto& c : cases) {
    const std::string path = Write("big", std::string(600'000, 'a'));
    // Asked for the deadline, then before each chunk.
    clock_.asked = 0;
    clock_.on_asked = [&](int asked) {
      if (asked == 3) c.change(path);
    };
    const FileHash hash = Hash(path);
    EXPECT_EQ(hash.outcome, HashOutcome::kChanged) << c.what;
    EXPECT_EQ(hash.digest, nullptr) << c.what;
    clock_.on_asked = nullptr;
    EXPECT_FALSE(Hash(path).is_from_cache) << c.what;
  }
}

TEST_F(FileHasherTest, AFileThatGrowsAsFastAsItIsReadEnds) {
  const std::string path = Write("log", "abc");
  clock_.on_asked = [&](int) { std::ofstream(path, std::ios::app) << "more"; };
  EXPECT_EQ(Hash(path).outcome, HashOutcome::kChanged);
  EXPECT_LT(clock_.asked, 5);
}

TEST_F(FileHasherTest, RefusesTenGigabytesThatAreNotThereByTheirSize) {
  const std::string path = Write("sparse", "");
  std::filesystem::resize_file(path, uint64_t{10} << 30);
  EXPECT_EQ(Hash(path).outcome, HashOutcome::kTooLarge);
  EXPECT_EQ(hasher_.statistics().hashed_bytes, 0u);
}

TEST_F(FileHasherTest, KeepsItsLimits) {
  const std::string path = Write("a", std::string(600'000, 'a'));
  EXPECT_EQ(Hash(path, {.max_file_bytes = 599'999}).outcome, HashOutcome::kTooLarge);
  EXPECT_EQ(Hash(path, {.max_file_bytes = 600'000}).outcome, HashOutcome::kHashed);
  EXPECT_EQ(Hash(path, {.max_file_bytes = 1}).outcome, HashOutcome::kHashed)
      << "what is known costs nothing";
  const std::string slow = Write("slow", std::string(600'000, 'b'));
  clock_.on_asked = [&](int) { clock_.Advance(absl::Seconds(6)); };
  EXPECT_EQ(Hash(slow).outcome, HashOutcome::kTooSlow);
}

TEST_F(FileHasherTest, StopsBetweenTwoChunks) {
  const std::string path = Write("a", std::string(600'000, 'a'));
  std::stop_source stop;
  clock_.asked = 0;
  clock_.on_asked = [&](int asked) {
    if (asked == 2) stop.request_stop();
  };
  EXPECT_EQ(Hash(path, {}, stop.get_token()).outcome, HashOutcome::kStopped);
  EXPECT_EQ(hasher_.statistics().hashed_bytes, 256u << 10);
}

TEST_F(FileHasherTest, DoesNotKeepTheDigestOfWhatChangedJustNow) {
  FileHasher hasher(16, base::Clock::Real());
  const std::string path = Write("abc", "abc");
  // As if it had been written while the file clock stood still: its times are this very moment.
  const base::UniqueFd fd = Open(path);
  ASSERT_EQ(::futimens(fd.get(), nullptr), 0);
  const FileHash first = hasher.Hash(fd, {}, {});
  const absl::Time changed = absl::FromUnixNanos(first.identity.ctime_ns);
  if (base::Clock::Real().Now() - changed >= absl::Milliseconds(20)) {
    GTEST_SKIP() << "this machine was too slow to look at a file that is new";
  }
  EXPECT_EQ(first.outcome, HashOutcome::kHashed);
  EXPECT_FALSE(hasher.Hash(fd, {}, {}).is_from_cache);
}

TEST_F(FileHasherTest, HashesWhatHasNoPath) {
  const base::UniqueFd memfd(::memfd_create("x", MFD_CLOEXEC));
  ASSERT_EQ(::write(memfd.get(), "abc", 3), 3);
  EXPECT_EQ(*hasher_.Hash(memfd, {}, {}).digest, kAbc);
}

TEST_F(FileHasherTest, HashesNothingButRegularFiles) {
  for (const char* path : {"/dev/zero", "/dev/null", "/tmp"}) {
    EXPECT_EQ(Hash(path).outcome, HashOutcome::kUnreadable) << path;
  }
  EXPECT_EQ(hasher_.Hash(base::UniqueFd(), {}, {}).outcome, HashOutcome::kUnreadable);
  EXPECT_EQ(Hash("/proc/self/status").digest, nullptr) << "more bytes than it says it has";
}

TEST(DigestCacheTest, ForgetsTheLeastRecentlyUsedAndCountsIt) {
  DigestCache cache(2);
  const auto file = [](uint64_t inode) { return procfs::FileIdentity{.inode = inode}; };
  const auto digest = std::make_shared<const std::string>("x");
  cache.Add(file(1), digest);
  cache.Add(file(2), digest);
  EXPECT_NE(cache.Find(file(1)), nullptr);
  cache.Add(file(3), digest);
  EXPECT_EQ(cache.Find(file(2)), nullptr);
  EXPECT_NE(cache.Find(file(1)), nullptr);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.evicted(), 1u);
}

}  // namespace
}  // namespace daemoneye::file
