// Rows that Google Benchmark programs beside the code measure.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <tuple>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "tools/bench/rows.h"

namespace daemoneye::bench {
namespace {

// There is no median of one.
constexpr int kLeastRepetitions = 2;

struct Figure {
  double cpu_ns = 0;
  double real_ns = 0;
  double items_per_second = 0;
};

double Nanoseconds(double value, const std::string& unit) {
  return value * (unit == "ns" ? 1 : unit == "us" ? 1e3 : unit == "ms" ? 1e6 : 1e9);
}

// Medians by benchmark name, such as "BM_Scan/500".
std::map<std::string, Figure> RunBenchmark(const Setting& setting, const std::string& program,
                                           const std::string& filter) {
  const std::string command = fmt::format(
      "{}/{} --benchmark_filter='{}' --benchmark_repetitions={} "
      "--benchmark_report_aggregates_only=true --benchmark_format=json 2>/dev/null",
      setting.bin, program, filter, std::max(setting.rounds, kLeastRepetitions));
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  size_t got;
  while (pipe != nullptr && (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    text.append(buffer.data(), got);
  }
  if (pipe == nullptr || pclose(pipe) != 0) {
    fmt::print(stderr, "bench: {} failed\n", program);
    std::exit(1);
  }
  std::map<std::string, Figure> figures;
  const auto report = nlohmann::json::parse(text);
  for (const auto& run : report.at("benchmarks")) {
    if (run.value("aggregate_name", "") != "median") continue;
    const std::string unit = run.at("time_unit");
    figures[run.at("run_name")] = {Nanoseconds(run.at("cpu_time"), unit),
                                   Nanoseconds(run.at("real_time"), unit),
                                   run.value("items_per_second", 0.0)};
  }
  return figures;
}

// The kernel's task iterator against ps, of 5,000 processes.
void AddIteratorRows(const std::map<std::string, Figure>& figures, Table& table) {
  const double ps_us = figures.at("BM_Ps/5000/manual_time").real_ns / 1e3 / 5000;
  for (const auto& [run, what, at_most] :
       {std::tuple("BM_Iterator/5000/0", "task iterator, no arguments, CPU a process", 1.0 / 20),
        std::tuple("BM_Iterator/5000/1", "task iterator, arguments, CPU a process", 1.0 / 6),
        std::tuple("BM_ScanByIterator/5000", "scan by it, an event each, CPU a process",
                   1.0 / 4)}) {
    const auto found = figures.find(run);
    if (found == figures.end()) {
      table.AddAbsent(what, "BPF may not be used here");
      continue;
    }
    table.Add({.name = what,
               .value = found->second.cpu_ns / 1e3 / 5000,
               .unit = "us",
               .against = "ps -eo pid,ppid,comm,args",
               .reference = ps_us,
               .at_least = {},
               .at_most = at_most});
  }
}

}  // namespace

void AddScanRows(const Setting& setting, Table& table) {
  auto figures = RunBenchmark(setting, "libs/sources/process/scan_benchmark",
                              "BM_(Floor|Scan|ScanByIterator|Iterator|Ps)/");
  for (const int processes : {500, 5000}) {
    const auto find = [&](const char* name) {
      return figures.at(fmt::format("{}/{}", name, processes) +
                        (std::string(name) == "BM_Ps" ? "/manual_time" : ""));
    };
    const double scan_us = find("BM_Scan").cpu_ns / 1e3 / processes;
    table.Add({.name = fmt::format("scan of {} processes, CPU a process", processes),
               .value = scan_us,
               .unit = "us",
               .against = "bare C++ reader of the same files",
               .reference = find("BM_Floor").cpu_ns / 1e3 / processes,
               .at_least = {},
               .at_most = 1.3});
    table.Add({.name = fmt::format("scan of {} processes, CPU a process", processes),
               .value = scan_us,
               .unit = "us",
               .against = "ps -eo pid,ppid,comm,args",
               .reference = find("BM_Ps").real_ns / 1e3 / processes,
               .at_least = {},
               .at_most = processes == 5000 ? std::optional<double>(1.0) : std::nullopt});
  }
  AddIteratorRows(figures, table);
}

void AddBusRows(const Setting& setting, Table& table) {
  auto figures = RunBenchmark(setting, "libs/event_bus/event_bus_benchmark",
                              "BM_(SerialiseAndCopy|Publish)/64");
  const double floor_ns = 1e9 / figures.at("BM_SerialiseAndCopy/64").items_per_second;
  for (const int subscribers : {0, 10}) {
    table.Add(
        {.name = fmt::format("publish, batches of 64, {} subscribers", subscribers),
         .value = 1e9 / figures.at(fmt::format("BM_Publish/64/{}", subscribers)).items_per_second,
         .unit = "ns/event",
         .against = "serialise and copy",
         .reference = floor_ns,
         .at_least = {},
         .at_most = {}});
  }
}

void AddTriggerRows(const Setting& setting, Table& table) {
  auto figures =
      RunBenchmark(setting, "libs/trigger/trigger_benchmark", "BM_(Triggers|SqlitePerEvent)/");
  const auto rate = [&](const std::string& name) { return figures.at(name).items_per_second; };
  const double peer_ns = 1e9 / rate("BM_SqlitePerEvent/100") / 100;
  for (const int triggers : {1, 10, 100, 1000}) {
    const double events = rate(fmt::format("BM_Triggers/{}", triggers));
    table.Add({.name = fmt::format("{} triggers, an event and trigger", triggers),
               .value = 1e9 / events / triggers,
               .unit = "ns",
               .against = "SQLite, one event and one trigger at a time",
               .reference = peer_ns,
               .at_least = {},
               .at_most = triggers >= 100 ? std::optional<double>(0.1) : std::nullopt});
  }
  for (const auto& [triggers, target] : {std::pair(100, 250'000.0), std::pair(1000, 120'000.0)}) {
    table.Add({.name = fmt::format("{} triggers, events a second on one core", triggers),
               .value = rate(fmt::format("BM_Triggers/{}", triggers)),
               .unit = "1/s",
               .against = "the target",
               .reference = target,
               .at_least = 1.0,
               .at_most = {}});
  }
}

}  // namespace daemoneye::bench
