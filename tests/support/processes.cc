#include "tests/support/processes.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "tests/support/child_process.h"

namespace daemoneye::testing_support {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Nothing where the process has gone.
std::optional<uint64_t> ReadStartTicks(const std::filesystem::path& stat) {
  const std::string text = ReadFile(stat);
  const size_t behind_name = text.rfind(')');
  if (behind_name == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(behind_name + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

}  // namespace

std::map<uint32_t, uint64_t> ProcessesOf(const std::string& procfs, absl::Duration age) {
  const double uptime = std::strtod(ReadFile(procfs + "/uptime").c_str(), nullptr);
  const double newest = (uptime - absl::ToDoubleSeconds(age)) * ::sysconf(_SC_CLK_TCK);
  std::map<uint32_t, uint64_t> processes;
  for (const auto& entry : std::filesystem::directory_iterator(procfs)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::optional<uint64_t> ticks = ReadStartTicks(entry.path() / "stat");
    if (!ticks.has_value() || static_cast<double>(*ticks) > newest) continue;
    processes[static_cast<uint32_t>(std::stoul(name))] = *ticks;
  }
  return processes;
}

uint64_t StartTicks(std::string_view process_key) {
  return std::strtoull(std::string(process_key.substr(process_key.rfind('-') + 1)).c_str(), nullptr,
                       10);
}

std::string Sha256OfFile(const std::string& path) {
  const Ended ended =
      RunToEnd({.argv = {"/usr/bin/sha256sum", path}, .environment = {}, .user = {}});
  return ended.output.substr(0, 64);
}

}  // namespace daemoneye::testing_support
