// What a scan costs when nothing changed, against a bare reader of the same files in the same run.
//
// To be compared by cpu_time at one count of processes: BM_Floor lists /proc and reads stat,
// status, cmdline and the link of the image of every process, and looks at nothing; BM_Scan is the
// whole scan, identity, comparison and rules included. BM_Iterator is the kernel's task iterator
// alone, without arguments (/0) and with them (/1), BM_ScanByIterator the whole scan by it, an
// event of each process included; both need root. BM_Ps is `ps -eo pid,ppid,comm,args`, CPU of the
// child. `bytes_a_process` is what the table holds.

#include <benchmark/benchmark.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "libs/linux/bpf/task_reader.h"
#include "libs/sources/process/scan_harness.h"

namespace daemoneye::process {
namespace {

// Sleeping children, as many as asked for last; they end with the program.
const std::vector<pid_t>& Children(size_t count) {
  static std::vector<pid_t> children;
  while (children.size() > count) {
    ::kill(children.back(), SIGKILL);
    ::waitpid(children.back(), nullptr, 0);
    children.pop_back();
  }
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

class DiscardingSink final : public collector::EventSink {
 public:
  absl::Status Emit(event::EventList events) override {
    events_ += events.size();
    return absl::OkStatus();
  }
  bool AwaitRoom(base::Monotonic) override { return true; }
  void ReportLoss(std::string_view, std::string_view, std::optional<uint64_t>) override {}
  void CountFiltered(uint64_t) override {}
  uint64_t events() const { return events_; }

 private:
  uint64_t events_ = 0;
};

size_t ReadBare(int proc, const char* pid, const char* file, std::vector<char>& buffer) {
  char path[300];
  std::snprintf(path, sizeof path, "%s/%s", pid, file);
  const int fd = ::openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return n < 0 ? 0 : static_cast<size_t>(n);
}

void BM_Floor(benchmark::State& state) {
  Children(static_cast<size_t>(state.range(0)));
  DIR* proc = ::opendir("/proc");
  std::vector<char> buffer(64 << 10);
  int64_t processes = 0;
  for (auto _ : state) {
    ::rewinddir(proc);
    while (const dirent* entry = ::readdir(proc)) {
      if (!std::isdigit(entry->d_name[0])) continue;
      ++processes;
      for (const char* file : {"stat", "status", "cmdline"}) {
        benchmark::DoNotOptimize(ReadBare(::dirfd(proc), entry->d_name, file, buffer));
      }
      char path[300];
      std::snprintf(path, sizeof path, "%s/exe", entry->d_name);
      benchmark::DoNotOptimize(::readlinkat(::dirfd(proc), path, buffer.data(), PATH_MAX));
    }
  }
  ::closedir(proc);
  state.SetItemsProcessed(processes);
}

void RunScans(ScanHarness& scanner, benchmark::State& state) {
  DiscardingSink sink;
  for (int i = 0; i < 2; ++i) {
    if (!scanner.Scan({}, sink).ok()) return state.SkipWithError("no scan");
  }
  const uint64_t first_events = sink.events();
  int64_t processes = 0;
  for (auto _ : state) {
    if (!scanner.Scan({}, sink).ok()) return state.SkipWithError("no scan");
    processes += static_cast<int64_t>(scanner.statistics().last_read);
  }
  state.SetItemsProcessed(processes);
  state.counters["events"] = benchmark::Counter(static_cast<double>(sink.events() - first_events),
                                                benchmark::Counter::kAvgIterations);
  state.counters["bytes_a_process"] = static_cast<double>(scanner.statistics().tracked_bytes) /
                                      static_cast<double>(scanner.statistics().tracked);
}

void BM_Scan(benchmark::State& state) {
  Children(static_cast<size_t>(state.range(0)));
  const auto fs = procfs::ProcFs::Open("/proc");
  ExecutableHasher hasher(*fs, HashLimits{}, base::Clock::Real());
  ScanHarness scanner(*fs, ProcessSourceConfig{}, hasher, base::Clock::Real());
  RunScans(scanner, state);
}

// By the kernel's task iterator, and an event of each process.
void BM_ScanByIterator(benchmark::State& state) {
  Children(static_cast<size_t>(state.range(0)));
  const auto fs = procfs::ProcFs::Open("/proc");
  ExecutableHasher hasher(*fs, HashLimits{}, base::Clock::Real());
  ScanHarness scanner(*fs, {.samples = SamplePolicy::kAll}, hasher, base::Clock::Real());
  auto reader = bpf::TaskReader::Open();
  if (!reader.ok()) return state.SkipWithError(std::string(reader.status().message()).c_str());
  scanner.Use(*std::move(reader));
  RunScans(scanner, state);
}

void BM_Iterator(benchmark::State& state) {
  Children(static_cast<size_t>(state.range(0)));
  const auto tasks = bpf::TaskReader::Open();
  if (!tasks.ok()) {
    // What holds figures of this against others finds none.
    state.SkipWithError(tasks.status().ToString().c_str());
    return;
  }
  const auto arguments =
      state.range(1) != 0 ? bpf::TaskReader::Arguments::kRead : bpf::TaskReader::Arguments::kNone;
  int64_t processes = 0;
  for (auto _ : state) {
    if (!(*tasks)->Begin(arguments).ok()) return state.SkipWithError("no scan");
    for (auto next = (*tasks)->Next(); next.ok() && *next != nullptr; next = (*tasks)->Next()) {
      benchmark::DoNotOptimize(**next);
      ++processes;
    }
  }
  state.SetItemsProcessed(processes);
}

double ChildrenCpuSeconds() {
  rusage usage;
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void BM_Ps(benchmark::State& state) {
  Children(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    const double before = ChildrenCpuSeconds();
    const pid_t pid = ::fork();
    if (pid == 0) {
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, STDOUT_FILENO);
      ::execlp("ps", "ps", "-eo", "pid,ppid,comm,args", nullptr);
      ::_exit(127);
    }
    ::waitpid(pid, nullptr, 0);
    state.SetIterationTime(ChildrenCpuSeconds() - before);
  }
}

// One count of children after the other.
BENCHMARK(BM_Floor)->Arg(500)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Scan)->Arg(500)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Ps)->Arg(500)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Floor)->Arg(5000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Scan)->Arg(5000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Iterator)->Args({5000, 0})->Args({5000, 1})->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ScanByIterator)->Arg(5000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Ps)->Arg(5000)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace daemoneye::process

BENCHMARK_MAIN();
