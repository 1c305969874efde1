// MetricsServer: answers GET /metrics over HTTP.
//
// Threads:    owns three (one accepts, two serve); Start and the destructor from one thread.
// Ownership:  shares the registry's metrics: the registry may end first.
// Cost:       nothing between scrapes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/metrics/registry.h"

namespace daemoneye::metrics {

class MetricsServer {
 public:
  // `address` is "127.0.0.1:9464" or "[::1]:9464"; port 0 picks a free one, see port(); "" is no
  // server at all (a null pointer). InvalidArgument: not an address. Unavailable: the port is busy,
  // or the address is not this machine's.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(std::string_view address,
                                                              const Registry& registry);

  // As Stop.
  ~MetricsServer();

  // Stops serving and returns within milliseconds, half a second when a client keeps a connection
  // open without a word. Idempotent.
  void Stop();

  uint16_t port() const;
  // host:port as bound, for the log and for clients.
  std::string address() const;

 private:
  class Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace daemoneye::metrics
