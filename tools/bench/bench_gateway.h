// The real gateway between synthetic monitors and a file of alerts, and what rows over it share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"
#include "tools/bench/child_process.h"
#include "tools/bench/feed_server.h"
#include "tools/bench/rows.h"

namespace daemoneye::bench {

inline constexpr int kBenchTriggers = 100;
// What alarms match.
inline constexpr char kAlarmedTrigger[] = "t0";

[[noreturn]] void Die(const std::string& what);

struct BenchGatewaySpec {
  std::vector<Feed> monitors;
  // Addresses.
  std::vector<std::string> analyzers;
  // What kAlarmedTrigger starts; empty: its alert is raised at once.
  std::string workflow;
};

// A gateway with a store, the typical triggers and one file for alerts.
class BenchGateway {
 public:
  BenchGateway(const Setting& setting, const TempDirectory& directory,
               const BenchGatewaySpec& spec);

  const ChildProcess& process() const { return *process_; }
  const std::string& alerts() const { return alerts_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // For what only an operator may do.
  const std::shared_ptr<grpc::Channel>& operator_channel() const { return operator_channel_; }

 private:
  std::string alerts_;
  std::unique_ptr<ChildProcess> process_;
  std::shared_ptr<grpc::Channel> channel_;
  std::shared_ptr<grpc::Channel> operator_channel_;
};

std::unique_ptr<ChildProcess> StartFeed(const Setting& setting, const TempDirectory& directory,
                                        const Feed& feed);

// Reads `count` lines of `path` about alarms as they come, and how long after its event each was
// there.
std::vector<double> AlertDelaysMs(const std::string& path, size_t count, absl::Duration patience);

// The answer; ends the program where there is none.
template <typename Stub, typename Request, typename Response>
Response Call(const std::unique_ptr<Stub>& stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request) {
  grpc::ClientContext context;
  Response response;
  const grpc::Status status = (stub.get()->*method)(&context, request, &response);
  if (!status.ok()) Die("a call failed: " + status.error_message());
  return response;
}

Row Absolute(std::string name, double value, std::string unit);

}  // namespace daemoneye::bench
