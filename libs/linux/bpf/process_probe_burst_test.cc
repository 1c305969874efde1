// Many short processes at once: each is told, once, in order, with its own arguments.
//
// PROBE_EXECS in the environment says how many, PROBE_PACE_MS how long the reader leaves them in
// the ring; prints what it paid for each.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "libs/linux/bpf/probe_fixture.h"

namespace daemoneye::bpf {
namespace {

constexpr int kAtOnce = 8;

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return text != nullptr ? std::atoi(text) : otherwise;
}

// Runs /bin/true MARKn for each n below `count`, some at a time.
void RunBurst(int count) {
  for (int at = 0; at < kAtOnce; ++at) {
    if (::fork() != 0) continue;
    for (int i = at; i < count; i += kAtOnce) {
      std::string name = "/bin/true", mark = fmt::format("MARK{}", i);
      char* const arguments[] = {name.data(), mark.data(), nullptr};
      pid_t pid = 0;
      if (::posix_spawn(&pid, name.c_str(), nullptr, nullptr, arguments, environ) != 0) ::_exit(1);
      ::waitpid(pid, nullptr, 0);
    }
    ::_exit(0);
  }
}

int64_t ThreadCpuNs() {
  timespec used = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * int64_t{1'000'000'000} + used.tv_nsec;
}

// What was told of /bin/true MARKn.
struct Told {
  uint32_t pid = 0;
  int forks = 0, execs = 0, exits = 0;
};

class Tally {
 public:
  explicit Tally(int count) : told_(static_cast<size_t>(count)), by_pid_(1 << 22, -1) {}

  void Add(const ProbeRecord& record) {
    const uint32_t pid = record.task.pid;
    if (pid >= by_pid_.size()) return;
    if (record.event == Event::kFork) by_pid_[pid] = kForked;
    if (record.event == Event::kExec) AddExec(record);
    if (record.event == Event::kExit && by_pid_[pid] >= 0) {
      ++told_[static_cast<size_t>(by_pid_[pid])].exits;
      by_pid_[pid] = -1;
      ++ended_;
    }
  }
  int ended() const { return ended_; }
  const std::vector<Told>& told() const { return told_; }

 private:
  static constexpr int kForked = -2;

  void AddExec(const ProbeRecord& record) {
    constexpr std::string_view kBegin("/bin/true\0MARK", 14);
    if (!record.task.arguments.starts_with(kBegin)) return;
    const std::string_view number = record.task.arguments.substr(kBegin.size());
    size_t n = told_.size();
    std::from_chars(number.data(), number.data() + number.size(), n);
    if (n >= told_.size()) return;
    Told& told = told_[n];
    told.forks += by_pid_[record.task.pid] == kForked;
    told.pid = record.task.pid;
    ++told.execs;
    by_pid_[record.task.pid] = static_cast<int>(n);
  }

  std::vector<Told> told_;
  std::vector<int> by_pid_;
  int ended_ = 0;
};

TEST_F(ProbeTest, TellsEachOfManyOnce) {
  Open();
  const int count = std::max(FromEnvironment("PROBE_EXECS", 1000), kAtOnce);
  const int pace_ms = FromEnvironment("PROBE_PACE_MS", 1);
  Tally tally(count);
  RunBurst(count);
  ProbeBatch batch;
  int64_t wake_ups = 0, records = 0;
  const int64_t begin_ns = ThreadCpuNs();
  while (tally.ended() < count) {
    probe_->Release(batch);
    pollfd ready = {.fd = probe_->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, 10'000), 1) << "ended=" << tally.ended();
    ++wake_ups;
    // What a source does that paces its batches: no wake-up meanwhile.
    ::poll(nullptr, 0, pace_ms);
    do {
      probe_->Read(256, batch);
      for (const ProbeRecord& record : batch.records) tally.Add(record);
      records += static_cast<int64_t>(batch.records.size());
    } while (batch.has_more);
  }
  const int64_t used_ns = ThreadCpuNs() - begin_ns;
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
  for (int n = 0; n < count; ++n) {
    const Told& told = tally.told()[static_cast<size_t>(n)];
    ASSERT_TRUE(told.forks == 1 && told.execs == 1 && told.exits == 1)
        << "n=" << n << " forks=" << told.forks << " execs=" << told.execs
        << " exits=" << told.exits;
  }
  const ProbeCounters counters = probe_->ReadCounters();
  EXPECT_EQ(counters.fork.lost_count() + counters.exec.lost_count() + counters.exit.lost_count(),
            0u);
  fmt::print("execs={} records={} wake_ups={} reader={:.2f} us an exec\n", count, records, wake_ups,
             static_cast<double>(used_ns) / 1000 / count);
}

}  // namespace
}  // namespace daemoneye::bpf
