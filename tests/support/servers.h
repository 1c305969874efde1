// The suite's own servers as children of a test, with private sockets.
#pragma once

#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temp_directory.h"

namespace daemoneye::testing_support {

inline constexpr char kProcmond[] = "services/procmond/procmond";
inline constexpr char kGateway[] = "services/collector_gateway/collector_gateway";
inline constexpr char kEyectl[] = "tools/eyectl/eyectl";

// What a test of one flag needs beside it: no file of settings, no metrics.
std::vector<std::string> QuietFlags();

class Server : public ChildProcess {
 public:
  // `program` with `listen`, QuietFlags and `flags`.
  Server(const std::string& program, const std::string& listen,
         const std::vector<std::string>& flags, std::optional<uid_t> user = std::nullopt);

  // The first address that it listens on, with the port it got, from its log.
  const std::string& address() const { return address_; }
  // Waits until "readiness" is SERVING; fails the test when it does not come.
  Server& Ready();
  // The page of its metrics, where they are on; its log tells the port.
  std::string Metrics();
  // SIGTERM; the time to its end. Fails the test where that is not with exit code 0.
  absl::Duration Terminate();

 private:
  std::string address_;
};

}  // namespace daemoneye::testing_support
