#include "libs/sources/process/executable_hasher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "libs/base/fake_clock.h"
#include "libs/base/mutex.h"
#include "libs/linux/procfs/fake_proc.h"

namespace daemoneye::process {
namespace {

// A clock that does something whenever it is asked, as while a file is being read.
class TellingClock final : public base::Clock {
 public:
  absl::Time Now() const override { return clock_.Now(); }
  base::Monotonic MonotonicNow() const override {
    if (on_asked) on_asked();
    return clock_.MonotonicNow();
  }
  bool WaitUntil(base::CondVar& cv, base::Mutex& mu, base::Monotonic deadline) override
      REQUIRES(mu) {
    return clock_.WaitUntil(cv, mu, deadline);
  }
  void Advance(absl::Duration d) { clock_.Advance(d); }

  std::function<void()> on_asked;

 private:
  base::FakeClock clock_;
};

class ExecutableHasherTest : public testing::Test {
 protected:
  ExecutableHasherTest()
      : fs_(*procfs::ProcFs::Open(proc_.root())), image_(testing::TempDir() + "/image") {
    std::ofstream(image_) << "abc";
    procfs::FakeProcess process;
    process.pid = 42;
    process.start_ticks = 7;
    process.exe = image_;
    proc_.Put(process);
  }
  HashResult Hash(ExecutableHasher& hasher) { return hasher.HashNow(42, 7, {}); }

  procfs::FakeProc proc_;
  procfs::ProcFs fs_;
  TellingClock clock_;
  const std::string image_;
};

TEST_F(ExecutableHasherTest, IsTheSha256OfTheImageAndReadsItOnce) {
  ExecutableHasher hasher(fs_, HashLimits{}, clock_);
  const HashResult result = Hash(hasher);
  ASSERT_EQ(result.state, v1::HASH_STATE_AVAILABLE);
  EXPECT_EQ(*result.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hasher.Find(result.image), result.digest);
  EXPECT_EQ(Hash(hasher).digest, result.digest);
}

TEST_F(ExecutableHasherTest, ReadsAFileAnewThatChanged) {
  ExecutableHasher hasher(fs_, HashLimits{}, clock_);
  const HashResult before = Hash(hasher);
  std::ofstream(image_, std::ios::app) << "d";
  EXPECT_NE(*Hash(hasher).digest, *before.digest);
}

TEST_F(ExecutableHasherTest, TellsNoHashOfAFileThatChangesMeanwhile) {
  ExecutableHasher hasher(fs_, HashLimits{}, clock_);
  clock_.on_asked = [&] {
    if (std::filesystem::file_size(image_) < 5) std::ofstream(image_, std::ios::app) << "d";
  };
  const HashResult result = Hash(hasher);
  EXPECT_EQ(result.state, v1::HASH_STATE_CHANGED_WHILE_READ);
  EXPECT_EQ(result.digest, nullptr);
}

TEST_F(ExecutableHasherTest, KeepsItsBoundsOfSizeAndTime) {
  ExecutableHasher small(fs_, HashLimits{.max_file_bytes = 2}, clock_);
  EXPECT_EQ(Hash(small).state, v1::HASH_STATE_OVER_BUDGET);
  ExecutableHasher quick(fs_, HashLimits{}, clock_);
  clock_.on_asked = [&] { clock_.Advance(absl::Seconds(11)); };
  EXPECT_EQ(Hash(quick).state, v1::HASH_STATE_OVER_BUDGET);
}

TEST_F(ExecutableHasherTest, DoesNotHashWhatIsNotThere) {
  ExecutableHasher hasher(fs_, HashLimits{}, clock_);
  EXPECT_EQ(hasher.HashNow(41, 7, {}).state, v1::HASH_STATE_UNREADABLE) << "no such process";
  EXPECT_EQ(hasher.HashNow(42, 8, {}).state, v1::HASH_STATE_UNREADABLE) << "another one";
  std::filesystem::remove(image_);
  EXPECT_EQ(Hash(hasher).state, v1::HASH_STATE_UNREADABLE);
}

TEST_F(ExecutableHasherTest, DeliversWhatWasRequestedAndStops) {
  ExecutableHasher hasher(fs_, HashLimits{}, clock_);
  base::Mutex mu;
  base::CondVar ready;
  bool is_ready = false;
  hasher.SetOnResults([&] {
    base::MutexLock lock(mu);
    is_ready = true;
    ready.NotifyAll();
  });
  ASSERT_TRUE(hasher.Request(42, 7));
  {
    base::MutexLock lock(mu);
    while (!is_ready) ready.Wait(mu);
  }
  const auto results = hasher.TakeResults();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].state, v1::HASH_STATE_AVAILABLE);
  hasher.SetOnResults(nullptr);
  hasher.Stop();
  EXPECT_FALSE(hasher.Request(42, 7));
}

}  // namespace
}  // namespace daemoneye::process
