// exec_spawner: runs `/bin/true MARKn` for each n below COUNT, AT_ONCE at a time.
//
//   exec_spawner COUNT AT_ONCE RATE      RATE a second in all; 0: as fast as they end
//
// Small, so that a fork costs what it costs a shell, and the same for whatever watches. MARKn is a
// child of worker n % AT_ONCE. Prints a line when it begins, "workers PID PID ...", and one at the
// end, "done WALL_NS CPU_NS": the CPU of workers and children, what is done to them by whoever
// watches included.

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Load {
  int64_t count = 0;
  int64_t at_once = 0;
  int64_t rate = 0;
};

int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

void SleepUntil(int64_t ns) {
  const timespec until = {.tv_sec = ns / kSecond, .tv_nsec = ns % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

// The share of one worker, from `begin_ns` on; false: a program could not be run.
bool Work(const Load& load, int64_t worker, int64_t begin_ns) {
  char program[] = "/bin/true", mark[32];
  char* const argv[] = {program, mark, nullptr};
  char* const environment[] = {nullptr};
  for (int64_t n = worker; n < load.count; n += load.at_once) {
    if (load.rate > 0) SleepUntil(begin_ns + n * kSecond / load.rate);
    std::snprintf(mark, sizeof mark, "MARK%lld", static_cast<long long>(n));
    pid_t pid = 0;
    int status = 0;
    if (posix_spawn(&pid, program, nullptr, nullptr, argv, environment) != 0) return false;
    if (waitpid(pid, &status, 0) != pid || status != 0) return false;
  }
  return true;
}

int64_t ChildrenCpuNs() {
  rusage used = {};
  getrusage(RUSAGE_CHILDREN, &used);
  const auto ns = [](const timeval& t) { return t.tv_sec * kSecond + t.tv_usec * 1000; };
  return ns(used.ru_utime) + ns(used.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: exec_spawner COUNT AT_ONCE RATE\n", stderr);
    return 2;
  }
  const Load load = {std::atoll(argv[1]), std::atoll(argv[2]), std::atoll(argv[3])};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // All workers are known before the first of them begins.
  const int64_t begin_ns = NowNs() + kSecond / 10;
  std::vector<pid_t> workers;
  for (int64_t worker = 0; worker < load.at_once; ++worker) {
    const pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      SleepUntil(begin_ns);
      _exit(Work(load, worker, begin_ns) ? 0 : 1);
    }
    workers.push_back(pid);
  }
  std::fputs("workers", stdout);
  for (const pid_t pid : workers) std::printf(" %d", pid);
  std::puts("");
  std::fflush(stdout);
  bool is_good = true;
  for (const pid_t pid : workers) {
    int status = 0;
    is_good &= waitpid(pid, &status, 0) == pid && status == 0;
  }
  std::printf("done %lld %lld\n", static_cast<long long>(NowNs() - begin_ns),
              static_cast<long long>(ChildrenCpuNs()));
  return is_good ? 0 : 1;
}
