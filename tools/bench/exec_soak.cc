#include "tools/bench/exec_soak.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "libs/base/status_macros.h"
#include "tools/bench/bench_servers.h"
#include "tools/bench/child_process.h"
#include "tools/bench/exec_client.h"
#include "tools/bench/exec_load.h"

namespace daemoneye::bench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr absl::Duration kPatience = absl::Minutes(1);

struct Reading {
  absl::Duration at;
  uint64_t rss_bytes = 0;
  uint64_t anonymous_bytes = 0;
  uint64_t events = 0;
  absl::Duration cpu;
  // Since the reading before.
  double us_per_event = 0;
};

Reading Read(absl::Duration at, const ChildProcess& procmond, const ExecClient& client,
             const Reading& last) {
  Reading now = {.at = at,
                 .rss_bytes = procmond.ResidentBytes(),
                 .anonymous_bytes = procmond.AnonymousBytes(),
                 .events = client.events(),
                 .cpu = procmond.CpuTime(),
                 .us_per_event = 0};
  if (now.events > last.events) {
    now.us_per_event = absl::ToDoubleMicroseconds(now.cpu - last.cpu) /
                       static_cast<double>(now.events - last.events);
  }
  return now;
}

void Print(const Reading& reading) {
  fmt::print(
      "{:>7.0f} s  VmRSS {:>7.2f} MiB  RssAnon {:>7.2f} MiB  events {:>9}  {:>6.2f} us/event\n",
      absl::ToDoubleSeconds(reading.at), static_cast<double>(reading.rss_bytes) / kMiB,
      static_cast<double>(reading.anonymous_bytes) / kMiB, reading.events, reading.us_per_event);
  std::fflush(stdout);
}

double MedianCpu(std::vector<Reading>::const_iterator begin,
                 std::vector<Reading>::const_iterator end) {
  std::vector<double> values;
  for (auto at = begin; at != end; ++at) values.push_back(at->us_per_event);
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Of readings after the warm-up.
absl::Status Judge(const std::vector<Reading>& readings, const ExecSoakOptions& options) {
  if (readings.size() < 3) return absl::InvalidArgumentError("too short to be judged");
  const auto [least, most] = std::ranges::minmax(readings, {}, &Reading::rss_bytes);
  const double moved_mib = static_cast<double>(most.rss_bytes - least.rss_bytes) / kMiB;
  const auto third = static_cast<std::ptrdiff_t>(std::max<size_t>(1, readings.size() / 3));
  const double first_us = MedianCpu(readings.begin(), readings.begin() + third);
  const double last_us = MedianCpu(readings.end() - third, readings.end());
  fmt::print("VmRSS moved by {:.2f} MiB; CPU an event {:.2f} us at first, {:.2f} at last\n",
             moved_mib, first_us, last_us);
  if (most.rss_bytes - least.rss_bytes > options.max_rss_change_bytes) {
    return absl::FailedPreconditionError(fmt::format("VmRSS moved by {:.2f} MiB", moved_mib));
  }
  if (last_us > first_us * options.max_cpu_ratio) {
    return absl::FailedPreconditionError(
        fmt::format("CPU an event rose from {:.2f} to {:.2f} us", first_us, last_us));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunExecSoak(const ExecSoakOptions& options) {
  const TempDirectory directory;
  const auto procmond = StartProcmond(options.bin, directory, {});
  const auto gateway = StartGateway(options.bin, directory, {"--store_max_bytes=128MiB"});
  fmt::print("procmond runs {}; {} execs/s for {}\n",
             fmt::join(SourcesOf(directory.File("p.sock")), ", "), options.execs_per_second,
             absl::FormatDuration(options.length));
  const auto count =
      static_cast<size_t>(absl::ToDoubleSeconds(options.length) * options.execs_per_second);
  ExecClient client(directory.File("g.sock"), count);
  ExecLoad load(options.bin, {.count = count, .rate = options.execs_per_second});
  const absl::Time begin = absl::Now();
  std::vector<Reading> judged;
  Reading last = Read({}, *procmond, client, {});
  Print(last);
  for (absl::Duration at = options.period; at <= options.length; at += options.period) {
    absl::SleepFor(begin + at - absl::Now());
    last = Read(at, *procmond, client, last);
    Print(last);
    if (at >= options.warm_up) judged.push_back(last);
  }
  load.Wait();
  client.AwaitAll(kPatience);
  const ExecVerdict verdict = client.Verdict(load.workers());
  fmt::print("of {} execs: {}\n", count, verdict.Text());
  fmt::print("{}", client.Faults(load.workers()));
  RETURN_IF_ERROR(Judge(judged, options));
  if (verdict.faults() != 0) return absl::DataLossError(verdict.Text());
  return absl::OkStatus();
}

}  // namespace daemoneye::bench
