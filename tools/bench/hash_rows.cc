// Hashing files, against `openssl dgst -sha256` of the same files.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "tools/bench/child_process.h"
#include "tools/bench/rows.h"

namespace daemoneye::bench {
namespace {

// Of random bytes, so that no file system stores less than there is.
void WriteFile(const std::string& path, size_t bytes) {
  std::mt19937_64 random(bytes);
  std::vector<uint64_t> words(bytes / sizeof(uint64_t));
  for (uint64_t& word : words) word = random();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(bytes));
}

// Seconds that a command took whose digests go to `output`.
double Run(const std::string& command, const std::string& output) {
  const auto begin = std::chrono::steady_clock::now();
  if (std::system((command + " >" + output).c_str()) != 0) {
    fmt::print(stderr, "bench: {} failed\n", command);
    std::exit(1);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void AddRow(const Setting& setting, Table& table, const TempDirectory& directory, size_t count,
            size_t bytes) {
  std::string files;
  for (size_t i = 0; i < count; ++i) {
    const std::string path = directory.File(fmt::format("{}_{}", bytes, i));
    WriteFile(path, bytes);
    files += " " + path;
  }
  const std::string ours = setting.bin + "/tools/bench/hash_files" + files;
  const std::string peer = "openssl dgst -r -sha256" + files;
  const std::string our_output = directory.File("ours");
  const std::string peer_output = directory.File("peer");
  Run(peer, peer_output);  // the files are in memory from here on
  std::vector<double> our_seconds, peer_seconds;
  for (int i = 0; i < setting.rounds; ++i) {
    our_seconds.push_back(Run(ours, our_output));
    peer_seconds.push_back(Run(peer, peer_output));
  }
  Run(fmt::format("cmp {} {}", our_output, peer_output), "/dev/null");
  const double megabytes = static_cast<double>(count * bytes) / 1e6;
  table.Add({.name = fmt::format("hash {} files of {} KiB, with the start of the program", count,
                                 bytes >> 10),
             .value = megabytes / Median(our_seconds),
             .unit = "MB/s",
             .against = "openssl dgst -sha256",
             .reference = megabytes / Median(peer_seconds),
             .at_least = 0.9,
             .at_most = {}});
}

}  // namespace

void AddHashRows(const Setting& setting, Table& table) {
  const TempDirectory directory;
  AddRow(setting, table, directory, 4, 128 << 20);
  AddRow(setting, table, directory, 1'000, 128 << 10);
}

}  // namespace daemoneye::bench
