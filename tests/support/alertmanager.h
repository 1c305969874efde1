// Alertmanager: the real one of Debian's prometheus-alertmanager, on loopback, alone (no cluster),
// telling nobody.
//
// Lifecycle:  Start, Stop and Start again: it keeps its port, and what it knew.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temp_directory.h"

namespace daemoneye::testing_support {

class Alertmanager {
 public:
  // Whether this machine has it; else a test is to be skipped aloud.
  static bool IsInstalled();

  void Start();
  // SIGTERM, and waits for its end.
  void Stop();

  // "http://127.0.0.1:PORT"
  std::string url() const;
  // What it knows: GET /api/v2/PATH; null where it does not answer with JSON.
  nlohmann::json Get(const std::string& path) const;

 private:
  TempDirectory directory_;
  uint16_t port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace daemoneye::testing_support
