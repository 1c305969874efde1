// What the readers of this room cost, beside a bare reader of /proc in the same run.
//
// Needs root. The programs' own time is the kernel's to tell: sysctl kernel.bpf_stats_enabled=1,
// and `bpftool prog show` while a load runs.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "libs/linux/bpf/process_probe.h"
#include "libs/linux/bpf/task_reader.h"
#include "libs/linux/procfs/pid_lister.h"
#include "libs/linux/procfs/proc_fs.h"
#include "libs/linux/procfs/process_reader.h"

namespace daemoneye::bpf {
namespace {

// From nothing to attached.
void BM_OpenProbe(benchmark::State& state) {
  for (auto _ : state) {
    const auto probe = ProcessProbe::Open({});
    if (!probe.ok()) state.SkipWithError(probe.status().ToString().c_str());
  }
}

void BM_OpenTaskReader(benchmark::State& state) {
  for (auto _ : state) {
    const auto tasks = TaskReader::Open();
    if (!tasks.ok()) state.SkipWithError(tasks.status().ToString().c_str());
  }
}

// The reader's side of an exec, with its fork and its exit; with an argument, with its paths.
void BM_ReadProbe(benchmark::State& state) {
  const auto probe = ProcessProbe::Open({.reads_paths = state.range(0) != 0});
  if (!probe.ok()) {
    state.SkipWithError(probe.status().ToString().c_str());
    return;
  }
  char name[] = "/bin/true", mark[] = "MARK";
  char* arguments[] = {name, mark, nullptr};
  int64_t records = 0;
  ProbeBatch batch;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 100; ++i) {
      pid_t pid = 0;
      if (::posix_spawn(&pid, name, nullptr, nullptr, arguments, environ) == 0) {
        ::waitpid(pid, nullptr, 0);
      }
    }
    state.ResumeTiming();
    do {
      (*probe)->Read(256, batch);
      records += static_cast<int64_t>(batch.records.size());
    } while (batch.has_more);
  }
  state.SetItemsProcessed(records);
}

void BM_Scan(benchmark::State& state) {
  const auto tasks = TaskReader::Open();
  if (!tasks.ok()) {
    state.SkipWithError(tasks.status().ToString().c_str());
    return;
  }
  const auto arguments =
      state.range(0) != 0 ? TaskReader::Arguments::kRead : TaskReader::Arguments::kNone;
  int64_t processes = 0;
  for (auto _ : state) {
    if (!(*tasks)->Begin(arguments).ok()) state.SkipWithError("no scan");
    for (auto next = (*tasks)->Next(); next.ok() && *next != nullptr; next = (*tasks)->Next()) {
      benchmark::DoNotOptimize(**next);
      ++processes;
    }
  }
  state.SetItemsProcessed(processes);
}

// The same fields, from /proc.
void BM_ScanProc(benchmark::State& state) {
  const procfs::ProcFs fs = *procfs::ProcFs::Open("/proc");
  procfs::ProcessReader reader(fs);
  auto lister = procfs::PidLister::Create(fs);
  std::vector<pid_t> pids;
  int64_t processes = 0;
  for (auto _ : state) {
    if (!lister->List(pids).ok()) state.SkipWithError("no list");
    for (const pid_t pid : pids) {
      if (!reader.Select(pid).ok()) continue;
      benchmark::DoNotOptimize(reader.ReadStat());
      benchmark::DoNotOptimize(reader.ReadStatus());
      benchmark::DoNotOptimize(reader.ReadCmdline());
      benchmark::DoNotOptimize(reader.ReadExeLink());
      benchmark::DoNotOptimize(reader.ReadCwd());
      benchmark::DoNotOptimize(reader.ReadNamespaces());
      benchmark::DoNotOptimize(reader.ReadLoginUid());
      ++processes;
    }
  }
  state.SetItemsProcessed(processes);
}

BENCHMARK(BM_OpenProbe)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_OpenTaskReader)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ReadProbe)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond)->Iterations(5);
BENCHMARK(BM_Scan)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_ScanProc)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace daemoneye::bpf

BENCHMARK_MAIN();
