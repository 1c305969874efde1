// ExecClient: a batch client of a monitor or gateway that tallies runs of exec_spawner.
//
// Threads:    owns one; the methods from any.
// Ownership:  its connection.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "libs/base/mutex.h"
#include "libs/base/thread.h"
#include "tools/bench/exec_tally.h"

namespace daemoneye::bench {

class ExecClient {
 public:
  // Of the server at the unix socket `path`, of `count` runs. Returns when its stream is open; ends
  // the program when it does not open.
  ExecClient(const std::string& path, size_t count);
  ~ExecClient();
  ExecClient(const ExecClient&) = delete;
  ExecClient& operator=(const ExecClient&) = delete;

  // Waits for all runs to end; false: `timeout` is over, or the stream.
  bool AwaitAll(absl::Duration timeout);
  // Events of the runs so far.
  uint64_t events() const;
  ExecVerdict Verdict(const std::vector<pid_t>& workers) const;
  // As ExecTally's.
  std::string Faults(const std::vector<pid_t>& workers) const;
  std::vector<double> delays_ms() const;

 private:
  void Read();

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MonitorService::Stub> stub_;
  grpc::ClientContext context_;

  mutable base::Mutex mu_;
  base::CondVar changed_;
  ExecTally tally_ GUARDED_BY(mu_);
  bool is_open_ GUARDED_BY(mu_) = false;
  bool is_over_ GUARDED_BY(mu_) = false;
  base::Thread thread_;
};

}  // namespace daemoneye::bench
