// Holds ProcessReader and PidLister to their word: no allocation a process in the steady state.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string_view>
#include <vector>

#include "libs/linux/procfs/cmdline_parser.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/linux/procfs/process_reader.h"

namespace {
size_t allocation_count = 0;
}  // namespace

void* operator new(size_t size) {
  ++allocation_count;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace daemoneye::procfs {
namespace {

TEST(AllocationTest, AScanOfProcessesThatLiveAllocatesNothing) {
  const auto fs = ProcFs::Open("/proc");
  ASSERT_TRUE(fs.ok()) << fs.status();
  auto lister = PidLister::Create(*fs);
  ASSERT_TRUE(lister.ok()) << lister.status();
  ProcessReader reader(*fs);
  std::vector<pid_t> pids;
  std::vector<std::string_view> arguments;
  size_t vanished_count = 0;
  const auto scan = [&] {
    ASSERT_TRUE(lister->List(pids).ok());
    for (const pid_t pid : pids) {
      if (!reader.Select(pid).ok() || !reader.ReadStat().ok() || !reader.ReadStatus().ok()) {
        ++vanished_count;
        continue;
      }
      const auto cmdline = reader.ReadCmdline();
      if (cmdline.ok()) SplitCmdline(cmdline->bytes, 4096, arguments);
      const bool is_readable = reader.ReadExeLink().ok() && reader.ReadCwd().ok() &&
                               reader.ReadCgroup().ok() && reader.ReadLoginUid().ok() &&
                               reader.ReadNamespaces().ok();
      if (!cmdline.ok() || !is_readable) ++vanished_count;
    }
  };
  for (int i = 0; i < 3; ++i) scan();  // buffers reach their size
  pids.reserve(pids.size() + 4096);
  arguments.reserve(4096);
  vanished_count = 0;
  const size_t before = allocation_count;
  scan();
  const size_t after = allocation_count;
  EXPECT_GE(pids.size(), 1u);
  EXPECT_GT(before, 0u);  // allocations are counted
  // A process that vanishes costs the texts of its status.
  EXPECT_LE(after - before, vanished_count * 40);
}

}  // namespace
}  // namespace daemoneye::procfs
