#include <cstdlib>
#include <memory>

#include "absl/time/clock.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"
#include "libs/base/thread.h"
#include "tools/bench/bench_servers.h"
#include "tools/bench/child_process.h"
#include "tools/bench/rows.h"

namespace daemoneye::bench {
namespace {

constexpr double kMiB = 1 << 20;

// Per cent of a core that `process` uses over `seconds`.
double CpuPercent(const ChildProcess& process, int seconds) {
  const absl::Duration before = process.CpuTime();
  const absl::Time begin = absl::Now();
  absl::SleepFor(absl::Seconds(seconds));
  return 100 * absl::FDivDuration(process.CpuTime() - before, absl::Now() - begin);
}

// Reads everything, SAMPLE included, as a gateway would; counts the events.
class Reader {
 public:
  explicit Reader(const std::string& path)
      : stub_(v1::MonitorService::NewStub(
            grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials()))) {
    thread_ = base::Thread("reader", [this](std::stop_token) {
      v1::StreamEventBatchesRequest request;
      request.mutable_stream()->mutable_filter()->add_topics("events.#");
      request.mutable_stream()->mutable_filter()->add_topics("events.process.sample");
      const auto reader = stub_->StreamEventBatches(&context_, request);
      v1::StreamEventBatchesResponse batch;
      while (reader->Read(&batch)) {
        for (const v1::CollectionEvent& event : batch.events()) events_ += event.sequence() != 0;
      }
    });
  }
  ~Reader() { context_.TryCancel(); }

  uint64_t events() const { return events_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::MonitorService::Stub> stub_;
  std::atomic<uint64_t> events_ = 0;
  base::Thread thread_;
};

void AddIdleRows(const Setting& setting, Table& table) {
  const TempDirectory directory;
  const auto procmond = StartProcmond(setting.bin, directory, {});
  const Reader reader(directory.File("p.sock"));
  absl::SleepFor(absl::Seconds(2));
  table.Add({.name = fmt::format("procmond idle, CPU over {} s", setting.watch_seconds),
             .value = CpuPercent(*procmond, setting.watch_seconds),
             .unit = "% of core",
             .against = "",
             .reference = {},
             .at_least = {},
             .at_most = 0.5});
  table.Add({.name = "procmond idle, anonymous memory",
             .value = procmond->AnonymousBytes() / kMiB,
             .unit = "MiB",
             .against = "",
             .reference = {},
             .at_least = {},
             .at_most = 15});
  table.Add({.name = "procmond, SIGTERM to exit",
             .value = absl::ToDoubleMilliseconds(procmond->Terminate()),
             .unit = "ms",
             .against = "",
             .reference = {},
             .at_least = {},
             .at_most = 1000});
}

// 5,000 processes sampled every 5 s are 1,000 events a second.
void AddLoadRows(const Setting& setting, Table& table) {
  const TempDirectory directory;
  const Sleepers sleepers(5000);
  const auto procmond = StartProcmond(setting.bin, directory,
                                      {"--interval=5", "--samples=all", "--ring_bytes=16MiB"});
  const Reader reader(directory.File("p.sock"));
  absl::SleepFor(absl::Seconds(6));
  const uint64_t before = reader.events();
  const absl::Time begin = absl::Now();
  const double percent = CpuPercent(*procmond, setting.watch_seconds);
  const double rate =
      static_cast<double>(reader.events() - before) / absl::ToDoubleSeconds(absl::Now() - begin);
  table.Add({.name = fmt::format("procmond at {:.0f} events/s, CPU over {} s", rate,
                                 setting.watch_seconds),
             .value = percent,
             .unit = "% of core",
             .against = "",
             .reference = {},
             .at_least = {},
             .at_most = 5});
  table.Add({.name = "procmond with a full ring of 16 MiB, anonymous",
             .value = procmond->AnonymousBytes() / kMiB,
             .unit = "MiB",
             .against = "",
             .reference = {},
             .at_least = {},
             .at_most = 16 + 25});
}

}  // namespace

void AddServerRows(const Setting& setting, Table& table) {
  AddIdleRows(setting, table);
  AddLoadRows(setting, table);
}

}  // namespace daemoneye::bench
