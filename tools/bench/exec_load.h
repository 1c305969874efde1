// ExecLoad: many short processes, run by exec_spawner beside this program.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace daemoneye::bench {

struct ExecLoadSpec {
  size_t count = 20'000;
  int at_once = 8;
  // A second, of all together; 0: as fast as they end.
  int rate = 0;
};

struct ExecLoadEnd {
  absl::Duration wall;
  // Of the processes and of who started them.
  absl::Duration cpu;
};

class ExecLoad {
 public:
  // Begins some 100 ms after this returns. `bin` is the folder with tools/; ends the program where
  // it cannot be run.
  ExecLoad(const std::string& bin, const ExecLoadSpec& spec);
  ~ExecLoad();
  ExecLoad(const ExecLoad&) = delete;
  ExecLoad& operator=(const ExecLoad&) = delete;

  // The parents: of run n, workers()[n % size].
  const std::vector<pid_t>& workers() const { return workers_; }
  // Waits for the last.
  ExecLoadEnd Wait();

 private:
  FILE* pipe_ = nullptr;
  std::vector<pid_t> workers_;
};

// `count` processes that keep a CPU busy each, ended with the object.
class BusyLoops {
 public:
  explicit BusyLoops(int count);
  ~BusyLoops();
  BusyLoops(const BusyLoops&) = delete;
  BusyLoops& operator=(const BusyLoops&) = delete;

 private:
  std::vector<pid_t> pids_;
};

}  // namespace daemoneye::bench
