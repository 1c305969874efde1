#include "tools/bench/stream_client.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemoneye/v1/monitor_service.grpc.pb.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"
#include "libs/base/thread.h"

namespace daemoneye::bench {
namespace {

struct Span {
  absl::Time first = absl::InfiniteFuture();
  absl::Time last = absl::InfinitePast();
  size_t events = 0;
};

std::unique_ptr<v1::MonitorService::Stub> Connect(const std::string& path) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return v1::MonitorService::NewStub(
      grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments));
}

void Count(const v1::CollectionEvent& event, Span& span) {
  if (event.has_control()) return;
  if (span.events++ == 0) span.first = absl::Now();
}

Span ReadBatches(v1::MonitorService::Stub& stub, const StreamRun& run) {
  grpc::ClientContext context;
  v1::StreamEventBatchesRequest request;
  *request.mutable_stream() = run.request;
  const auto reader = stub.StreamEventBatches(&context, request);
  Span span;
  v1::StreamEventBatchesResponse batch;
  while (span.events < run.events && reader->Read(&batch)) {
    for (const v1::CollectionEvent& event : batch.events()) Count(event, span);
  }
  span.last = absl::Now();
  context.TryCancel();
  return span;
}

Span ReadEvents(v1::MonitorService::Stub& stub, const StreamRun& run) {
  grpc::ClientContext context;
  const auto reader = stub.StreamEvents(&context, run.request);
  Span span;
  v1::CollectionEvent event;
  while (span.events < run.events && reader->Read(&event)) Count(event, span);
  span.last = absl::Now();
  context.TryCancel();
  return span;
}

}  // namespace

double EventsPerSecond(const StreamRun& run) {
  std::vector<Span> spans(run.subscribers);
  {
    std::vector<base::Thread> readers;
    for (int i = 0; i < run.subscribers; ++i) {
      readers.emplace_back(fmt::format("reader-{}", i), [&run, &spans, i](std::stop_token) {
        const auto stub = Connect(run.path);
        spans[i] = run.is_batched ? ReadBatches(*stub, run) : ReadEvents(*stub, run);
      });
    }
  }
  Span all;
  for (const Span& span : spans) {
    if (span.events < run.events) {
      fmt::print(stderr, "bench: a stream ended after {} of {} events\n", span.events, run.events);
      std::exit(1);
    }
    all.first = std::min(all.first, span.first);
    all.last = std::max(all.last, span.last);
    all.events += span.events;
  }
  return static_cast<double>(all.events) / absl::ToDoubleSeconds(all.last - all.first);
}

v1::StreamEventsRequest ReplayRequest(const std::string& path) {
  grpc::ClientContext context;
  v1::NegotiateCapabilitiesResponse server;
  const grpc::Status status = Connect(path)->NegotiateCapabilities(&context, {}, &server);
  if (!status.ok()) {
    fmt::print(stderr, "bench: no negotiation: {}\n", status.error_message());
    std::exit(1);
  }
  v1::StreamEventsRequest request;
  request.set_include_snapshot(false);
  request.set_follow(false);
  request.mutable_resume()->set_stream_id(server.stream_id());
  return request;
}

}  // namespace daemoneye::bench
