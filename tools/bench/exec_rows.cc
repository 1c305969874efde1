// Every exec on the machine: what procmond pays to tell a client of START, EXEC and STOP, beside
// what others pay to print a line, how soon the client has it, and that nothing is lost.

#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "tools/bench/bench_servers.h"
#include "tools/bench/child_process.h"
#include "tools/bench/exec_client.h"
#include "tools/bench/exec_load.h"
#include "tools/bench/rows.h"
#include "tools/bench/tracers.h"

namespace daemoneye::bench {
namespace {

constexpr size_t kBurst = 20'000;
constexpr int kRate = 1000;
constexpr char kEvents[] = "START, EXEC and STOP";
// Before and after a load, for every program alike.
constexpr absl::Duration kSettle = absl::Seconds(2);
constexpr absl::Duration kPatience = absl::Minutes(1);

struct Cost {
  // CPU an exec, of the tracer and of what is traced.
  double tracer_us = 0;
  double load_us = 0;
  // Execs told.
  size_t told = 0;
};

Cost MakeCost(absl::Duration tracer, const ExecLoadEnd& end, size_t told) {
  return {.tracer_us = absl::ToDoubleMicroseconds(tracer) / kBurst,
          .load_us = absl::ToDoubleMicroseconds(end.cpu) / kBurst,
          .told = told};
}

// The median by its own CPU, and the least that any of them told.
Cost Median(std::vector<Cost> costs) {
  std::ranges::sort(costs, {}, &Cost::tracer_us);
  Cost median = costs[costs.size() / 2];
  median.told = std::ranges::min(costs, {}, &Cost::told).told;
  return median;
}

Row Absolute(std::string name, double value, std::string unit) {
  return {.name = std::move(name),
          .value = value,
          .unit = std::move(unit),
          .against = "",
          .reference = {},
          .at_least = {},
          .at_most = {}};
}

Row MustBeNone(std::string name, const ExecVerdict& verdict) {
  Row row = Absolute(std::move(name), static_cast<double>(verdict.faults()), "events");
  row.at_most = 0;
  row.must_hold = true;
  row.against = verdict.Text();
  return row;
}

Cost RunPeer(const Setting& setting, Tracer& tracer) {
  const absl::Duration before = tracer.CpuTime();
  ExecLoad load(setting.bin, {.count = kBurst});
  const ExecLoadEnd end = load.Wait();
  absl::SleepFor(kSettle);
  const absl::Duration used = tracer.CpuTime() - before;
  return MakeCost(used, end, tracer.Finish());
}

struct OwnRun {
  Cost cost;
  ExecVerdict verdict;
};

OwnRun RunOwn(const Setting& setting) {
  const TempDirectory directory;
  const auto procmond = StartProcmond(setting.bin, directory, {});
  ExecClient client(directory.File("p.sock"), kBurst);
  absl::SleepFor(kSettle);
  const absl::Duration before = procmond->CpuTime();
  ExecLoad load(setting.bin, {.count = kBurst});
  const ExecLoadEnd end = load.Wait();
  client.AwaitAll(kPatience);
  absl::SleepFor(kSettle);
  const absl::Duration used = procmond->CpuTime() - before;
  const ExecVerdict verdict = client.Verdict(load.workers());
  fmt::print("{}", client.Faults(load.workers()));
  return {.cost = MakeCost(used, end, kBurst - std::min<size_t>(kBurst, verdict.missing)),
          .verdict = verdict};
}

struct Comparison {
  std::map<std::string, std::vector<Cost>> peers;
  std::map<std::string, std::string> absent;
  std::vector<Cost> own;
  ExecVerdict verdict;
  // Of the load with nobody who watches.
  std::vector<Cost> bare;
};

// In turn, so that what else the machine does falls on all alike.
Comparison Compare(const Setting& setting) {
  Comparison all;
  for (int round = 0; round < setting.rounds; ++round) {
    for (const TracerKind& kind : PeerTracers()) {
      const TempDirectory directory;
      const auto tracer = kind.start(directory);
      if (tracer.ok()) {
        all.peers[kind.name].push_back(RunPeer(setting, **tracer));
      } else {
        all.absent[kind.name] = std::string(tracer.status().message());
      }
    }
    const OwnRun own = RunOwn(setting);
    all.own.push_back(own.cost);
    all.verdict.missing += own.verdict.missing;
    all.verdict.twice += own.verdict.twice;
    all.verdict.wrong += own.verdict.wrong;
    all.verdict.told_lost += own.verdict.told_lost;
    ExecLoad load(setting.bin, {.count = kBurst});
    all.bare.push_back(MakeCost({}, load.Wait(), 0));
  }
  return all;
}

void AddCostRows(const Setting& setting, Table& table) {
  const Comparison all = Compare(setting);
  const Cost own = Median(all.own);
  const Cost bare = Median(all.bare);
  const std::string what = fmt::format("procmond, {}, CPU an exec", kEvents);
  for (const auto& [name, costs] : all.peers) {
    const Cost peer = Median(costs);
    Row row = Absolute(what, own.tracer_us, "us");
    row.against = fmt::format("{}, which told {} of {}", name, peer.told, kBurst);
    row.reference = peer.tracer_us;
    if (name == "execsnoop") row.at_most = 1.0;
    table.Add(std::move(row));
  }
  for (const auto& [name, why] : all.absent) table.AddAbsent(what + " beside " + name, why);
  if (all.peers.empty()) table.Add(Absolute(what, own.tracer_us, "us"));
  table.Add(MustBeNone(fmt::format("lost, twice or wrong of {} x 3, burst", kBurst), all.verdict));
  Row load = Absolute("the processes' own CPU, watched by procmond", own.load_us, "us");
  load.against = "not watched";
  load.reference = bare.load_us;
  table.Add(std::move(load));
  if (const auto snoop = all.peers.find("execsnoop"); snoop != all.peers.end()) {
    Row watched = Absolute("the processes' own CPU, watched by execsnoop",
                           Median(snoop->second).load_us, "us");
    watched.against = "not watched";
    watched.reference = bare.load_us;
    table.Add(std::move(watched));
  }
}

void AddBusyRow(const Setting& setting, Table& table) {
  const BusyLoops busy(2);
  table.Add(MustBeNone("the same beside two busy loops", RunOwn(setting).verdict));
}

double Percentile(std::vector<double> sorted, size_t of_100) {
  return sorted.empty() ? 0 : sorted[(sorted.size() - 1) * of_100 / 100];
}

// Execs at kRate, and how soon a client has them.
void AddDelayRows(const Setting& setting, bool has_gateway, Table& table) {
  const int seconds = setting.rounds == 1 ? 5 : 20;
  const TempDirectory directory;
  const auto procmond = StartProcmond(setting.bin, directory, {});
  std::unique_ptr<ChildProcess> gateway;
  if (has_gateway) gateway = StartGateway(setting.bin, directory, {});
  const size_t count = static_cast<size_t>(kRate) * seconds;
  ExecClient client(directory.File(has_gateway ? "g.sock" : "p.sock"), count);
  absl::SleepFor(kSettle);
  const absl::Duration before = procmond->CpuTime();
  const absl::Time begin = absl::Now();
  ExecLoad load(setting.bin, {.count = count, .rate = kRate});
  load.Wait();
  const double percent =
      100 * absl::FDivDuration(procmond->CpuTime() - before, absl::Now() - begin);
  client.AwaitAll(kPatience);
  std::vector<double> delays = client.delays_ms();
  std::ranges::sort(delays);
  const std::string where = has_gateway ? "through a gateway" : "to a client";
  Row middle = Absolute(fmt::format("{} execs/s, kernel {}, p50", kRate, where),
                        Percentile(delays, 50), "ms");
  middle.at_most = 1;
  table.Add(std::move(middle));
  Row slow = Absolute(fmt::format("{} execs/s, kernel {}, p99", kRate, where),
                      Percentile(delays, 99), "ms");
  slow.at_most = 5;
  table.Add(std::move(slow));
  if (!has_gateway) {
    Row cpu = Absolute(fmt::format("{} execs/s, procmond's CPU", kRate), percent, "% of core");
    cpu.at_most = 6;
    table.Add(std::move(cpu));
  }
  table.Add(MustBeNone(fmt::format("{} execs/s {}: lost, twice or wrong", kRate, where),
                       client.Verdict(load.workers())));
}

}  // namespace

void AddExecRows(const Setting& setting, Table& table) {
  if (geteuid() != 0) {
    table.AddAbsent("every exec", "only root may watch the kernel");
    return;
  }
  {
    const TempDirectory directory;
    const auto procmond = StartProcmond(setting.bin, directory, {});
    fmt::print("procmond runs {}\n", fmt::join(SourcesOf(directory.File("p.sock")), ", "));
  }
  AddCostRows(setting, table);
  AddBusyRow(setting, table);
  AddDelayRows(setting, /*has_gateway=*/false, table);
  AddDelayRows(setting, /*has_gateway=*/true, table);
}

}  // namespace daemoneye::bench
