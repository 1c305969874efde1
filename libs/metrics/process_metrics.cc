#include "libs/metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace daemoneye::metrics {
namespace {

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Fields of /proc/self/stat by proc(5)'s numbers; the ones behind comm, which may hold anything.
std::vector<std::string> StatFields() {
  const std::string stat = ReadAll("/proc/self/stat");
  std::vector<std::string> fields = {"", "", ""};
  const size_t comm_end = stat.rfind(')');
  if (comm_end == std::string::npos) return {};
  std::istringstream rest(stat.substr(comm_end + 1));
  fields.insert(fields.end(), std::istream_iterator<std::string>(rest), {});
  return fields;
}

std::optional<double> Field(const std::vector<std::string>& fields, size_t number) {
  if (number >= fields.size()) return std::nullopt;
  uint64_t value = 0;
  const std::string& text = fields[number];
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(value);
}

// Seconds since 1970 at which the machine booted, by the kernel's wall clock.
std::optional<double> BootTime() {
  std::ifstream stat("/proc/stat");
  std::string line;
  while (std::getline(stat, line)) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return std::nullopt;
}

std::optional<double> StartTime() {
  const std::optional<double> boot = BootTime();
  const std::optional<double> ticks = Field(StatFields(), 22);
  if (!boot || !ticks) return std::nullopt;
  return *boot + *ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::optional<double> CpuSeconds() {
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<double> OpenFds() {
  std::error_code error;
  int entries = 0;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++entries;
  }
  if (error) return std::nullopt;
  return entries - 1;  // the directory's own descriptor
}

std::optional<double> MaxFds() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

std::optional<double> ResidentBytes() {
  const std::optional<double> pages = Field(StatFields(), 24);
  if (!pages) return std::nullopt;
  return *pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::optional<double> VirtualBytes() { return Field(StatFields(), 23); }

std::optional<double> Threads() { return Field(StatFields(), 20); }

struct Row {
  const char* name;
  const char* help;
  MetricType type;
  std::optional<double> (*read)();
};

constexpr Row kRows[] = {
    {"process_cpu_seconds_total", "User and system CPU time spent, in seconds.",
     MetricType::kCounter, CpuSeconds},
    {"process_open_fds", "Open file descriptors.", MetricType::kGauge, OpenFds},
    {"process_max_fds", "Limit of open file descriptors.", MetricType::kGauge, MaxFds},
    {"process_resident_memory_bytes", "Resident memory, in bytes.", MetricType::kGauge,
     ResidentBytes},
    {"process_virtual_memory_bytes", "Virtual memory, in bytes.", MetricType::kGauge, VirtualBytes},
    {"process_threads", "Threads.", MetricType::kGauge, Threads},
};

}  // namespace

std::vector<CallbackHandle> AddProcessMetrics(Registry& registry) {
  std::vector<CallbackHandle> handles;
  for (const Row& row : kRows) {
    handles.push_back(registry.AddUnprefixedCallback(
        row.name, row.help, row.type, [read = row.read](const SampleSink& sink) {
          if (const std::optional<double> value = read()) sink({}, *value);
        }));
  }
  handles.push_back(registry.AddUnprefixedCallback(
      "process_start_time_seconds", "Start of the process, in seconds since 1970.",
      MetricType::kGauge, [start = StartTime()](const SampleSink& sink) {
        if (start) sink({}, *start);
      }));
  return handles;
}

}  // namespace daemoneye::metrics
