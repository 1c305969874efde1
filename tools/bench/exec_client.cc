#include "tools/bench/exec_client.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "absl/time/clock.h"
#include "fmt/format.h"

namespace daemoneye::bench {
namespace {

constexpr absl::Duration kOpenTime = absl::Seconds(10);

std::chrono::steady_clock::time_point In(absl::Duration duration) {
  return std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(duration);
}

}  // namespace

ExecClient::ExecClient(const std::string& path, size_t count)
    : channel_(grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials())),
      stub_(v1::MonitorService::NewStub(channel_)),
      tally_(count) {
  thread_ = base::Thread("exec-client", [this](const std::stop_token&) { Read(); });
  const auto deadline = In(kOpenTime);
  base::MutexLock lock(mu_);
  while (!is_open_ && !is_over_) {
    if (!changed_.WaitUntil(mu_, deadline)) break;
  }
  if (is_open_) return;
  fmt::print(stderr, "bench: no stream at {}\n", path);
  std::exit(1);
}

ExecClient::~ExecClient() {
  context_.TryCancel();
  thread_.StopAndJoin();
}

void ExecClient::Read() {
  v1::StreamEventBatchesRequest request;
  request.mutable_stream()->set_include_snapshot(false);
  const auto reader = stub_->StreamEventBatches(&context_, request);
  v1::StreamEventBatchesResponse batch;
  while (reader->Read(&batch)) {
    const absl::Time now = absl::Now();
    const base::MutexLock lock(mu_);
    const bool had_all = tally_.ended() == tally_.count();
    for (const v1::CollectionEvent& event : batch.events()) {
      is_open_ |= event.has_control();
      tally_.Add(event, now);
    }
    if (!had_all) changed_.NotifyAll();
  }
  const base::MutexLock lock(mu_);
  is_over_ = true;
  changed_.NotifyAll();
}

bool ExecClient::AwaitAll(absl::Duration timeout) {
  const auto deadline = In(timeout);
  const base::MutexLock lock(mu_);
  while (tally_.ended() < tally_.count() && !is_over_) {
    if (!changed_.WaitUntil(mu_, deadline)) break;
  }
  return tally_.ended() == tally_.count();
}

uint64_t ExecClient::events() const {
  const base::MutexLock lock(mu_);
  return tally_.events();
}

ExecVerdict ExecClient::Verdict(const std::vector<pid_t>& workers) const {
  const base::MutexLock lock(mu_);
  return tally_.Verdict(workers);
}

std::string ExecClient::Faults(const std::vector<pid_t>& workers) const {
  const base::MutexLock lock(mu_);
  return tally_.Faults(workers);
}

std::vector<double> ExecClient::delays_ms() const {
  const base::MutexLock lock(mu_);
  return tally_.delays_ms();
}

}  // namespace daemoneye::bench
