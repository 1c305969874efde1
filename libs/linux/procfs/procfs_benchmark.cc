// What a scan costs, against a bare reader of the same files in the same run.
//
// BM_Floor* and BM_Scan* at one count of processes are to be compared, by cpu_time: the readers of
// this room stay within 1.1 of the floor, so that a whole scan can stay within 1.3.

#include <benchmark/benchmark.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "libs/linux/procfs/file_reader.h"
#include "libs/linux/procfs/kernel_stat_reader.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/linux/procfs/process_reader.h"
#include "libs/linux/procfs/stat_parser.h"
#include "libs/linux/procfs/status_parser.h"

namespace daemoneye::procfs {
namespace {

// Keeps `count` children until the next call with another count.
const std::vector<pid_t>& Children(size_t count) {
  static std::vector<pid_t> children;
  if (children.size() == count) return children;
  for (const pid_t pid : children) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  children.clear();
  while (children.size() < count) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (true) ::pause();
    }
    if (pid < 0) break;
    children.push_back(pid);
  }
  return children;
}

void CountProcesses(benchmark::State& state, size_t count) {
  state.counters["processes"] = static_cast<double>(count);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
}

void ReadBare(int proc, pid_t pid, const char* file, char* buffer, size_t size) {
  char path[64];
  std::snprintf(path, sizeof path, "%d/%s", pid, file);
  const int fd = ::openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  benchmark::DoNotOptimize(::read(fd, buffer, size));
  ::close(fd);
}

void ReadLinkBare(int proc, pid_t pid, const char* link, char* buffer, size_t size) {
  char path[64];
  std::snprintf(path, sizeof path, "%d/%s", pid, link);
  benchmark::DoNotOptimize(::readlinkat(proc, path, buffer, size));
}

// Reads stat, status, cmdline and exe of every child and looks at nothing.
void BM_FloorKnown(benchmark::State& state) {
  const auto& children = Children(static_cast<size_t>(state.range(0)));
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY);
  std::vector<char> buffer(65537);
  for (auto _ : state) {
    for (const pid_t pid : children) {
      for (const char* file : {"stat", "status", "cmdline"}) {
        ReadBare(proc, pid, file, buffer.data(), buffer.size());
      }
      ReadLinkBare(proc, pid, "exe", buffer.data(), PATH_MAX);
    }
  }
  ::close(proc);
  CountProcesses(state, children.size());
}

// The same, parsed: what a scan reads of a process that it knows.
void BM_ScanKnown(benchmark::State& state) {
  const auto& children = Children(static_cast<size_t>(state.range(0)));
  const ProcFs fs = *ProcFs::Open("/proc");
  ProcessReader reader(fs);
  for (auto _ : state) {
    for (const pid_t pid : children) {
      if (!reader.Select(pid).ok()) continue;
      benchmark::DoNotOptimize(reader.ReadStat());
      benchmark::DoNotOptimize(reader.ReadStatus());
      benchmark::DoNotOptimize(reader.ReadCmdline());
      benchmark::DoNotOptimize(reader.ReadExeLink());
    }
  }
  CountProcesses(state, children.size());
}

constexpr const char* kNewFiles[] = {"stat", "status", "cmdline", "cgroup", "loginuid"};
constexpr const char* kNewLinks[] = {"exe",    "cwd",    "ns/cgroup", "ns/ipc",  "ns/mnt",
                                     "ns/net", "ns/pid", "ns/time",   "ns/user", "ns/uts"};

void BM_FloorNew(benchmark::State& state) {
  const auto& children = Children(static_cast<size_t>(state.range(0)));
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY);
  std::vector<char> buffer(65537);
  for (auto _ : state) {
    for (const pid_t pid : children) {
      for (const char* f : kNewFiles) ReadBare(proc, pid, f, buffer.data(), buffer.size());
      for (const char* l : kNewLinks) ReadLinkBare(proc, pid, l, buffer.data(), PATH_MAX);
    }
  }
  ::close(proc);
  CountProcesses(state, children.size());
}

// What a scan reads of a process that it does not know yet.
void BM_ScanNew(benchmark::State& state) {
  const auto& children = Children(static_cast<size_t>(state.range(0)));
  const ProcFs fs = *ProcFs::Open("/proc");
  ProcessReader reader(fs);
  for (auto _ : state) {
    for (const pid_t pid : children) {
      if (!reader.Select(pid).ok()) continue;
      benchmark::DoNotOptimize(reader.ReadStat());
      benchmark::DoNotOptimize(reader.ReadStatus());
      benchmark::DoNotOptimize(reader.ReadCmdline());
      benchmark::DoNotOptimize(reader.ReadCgroup());
      benchmark::DoNotOptimize(reader.ReadLoginUid());
      benchmark::DoNotOptimize(reader.ReadExeLink());
      benchmark::DoNotOptimize(reader.ReadCwd());
      benchmark::DoNotOptimize(reader.ReadNamespaces());
    }
  }
  CountProcesses(state, children.size());
}

void BM_FloorList(benchmark::State& state) {
  const auto& children = Children(static_cast<size_t>(state.range(0)));
  DIR* proc = ::opendir("/proc");
  for (auto _ : state) {
    ::rewinddir(proc);
    while (const dirent* entry = ::readdir(proc)) benchmark::DoNotOptimize(entry->d_name);
  }
  ::closedir(proc);
  CountProcesses(state, children.size());
}

void BM_List(benchmark::State& state) {
  const auto& children = Children(static_cast<size_t>(state.range(0)));
  const ProcFs fs = *ProcFs::Open("/proc");
  PidLister lister = *PidLister::Create(fs);
  std::vector<pid_t> pids;
  for (auto _ : state) benchmark::DoNotOptimize(lister.List(pids));
  CountProcesses(state, children.size());
}

// One file of one process each, ours: parts of BM_ScanKnown.
template <auto kRead>
void BM_Read(benchmark::State& state) {
  const ProcFs fs = *ProcFs::Open("/proc");
  ProcessReader reader(fs);
  if (!reader.Select(::getpid()).ok()) state.SkipWithError("not there");
  for (auto _ : state) benchmark::DoNotOptimize((reader.*kRead)());
}

// The parsers alone: what is ours to make faster.
void BM_Parse(benchmark::State& state, const char* file, auto parse) {
  const ProcFs fs = *ProcFs::Open("/proc");
  TextBuffer buffer(8192);
  std::string_view text;
  if (ReadFileAt(fs.root_fd(), file, buffer, text) != 0) state.SkipWithError("not there");
  for (auto _ : state) {
    benchmark::DoNotOptimize(text);
    benchmark::DoNotOptimize(parse(text));
  }
}

void BM_ReadKernelStat(benchmark::State& state) {
  const ProcFs fs = *ProcFs::Open("/proc");
  KernelStatReader reader(fs);
  for (auto _ : state) benchmark::DoNotOptimize(reader.Read());
}

BENCHMARK(BM_FloorKnown)->Arg(500)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_ScanKnown)->Arg(500)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_FloorNew)->Arg(500)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_ScanNew)->Arg(500)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_FloorList)->Arg(500)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_List)->Arg(500)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_FloorKnown)->Arg(5000)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_ScanKnown)->Arg(5000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(BM_Read, &ProcessReader::ReadStat);
BENCHMARK_TEMPLATE(BM_Read, &ProcessReader::ReadStatus);
BENCHMARK_TEMPLATE(BM_Read, &ProcessReader::ReadCmdline);
BENCHMARK_TEMPLATE(BM_Read, &ProcessReader::ReadExeLink);
BENCHMARK_TEMPLATE(BM_Read, &ProcessReader::ReadNamespaces);
BENCHMARK_CAPTURE(BM_Parse, stat, "self/stat",
                  [](std::string_view text) { return ParseStat(text, 4096); });
BENCHMARK_CAPTURE(BM_Parse, status, "self/status", &ParseStatus);
BENCHMARK(BM_ReadKernelStat);

}  // namespace
}  // namespace daemoneye::procfs

BENCHMARK_MAIN();
