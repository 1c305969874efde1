#include "services/collector_gateway/gateway_service.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/thread_priority.h"
#include "libs/rpc/raw_stream_reactor.h"
#include "libs/rpc/raw_unary.h"
#include "libs/rpc/status_conversion.h"

namespace daemoneye::gateway {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;
// A caller that does not read for this long is given up.
constexpr absl::Duration kWriteTimeout = absl::Seconds(60);

google::protobuf::Timestamp ToProto(absl::Time time) {
  return TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(time));
}

void FillMonitor(const MonitorLink::Status& link, v1::MonitorLink& out) {
  out.set_name(link.name());
  out.set_address(link.address);
  out.set_state(link.state);
  *out.mutable_caps() = link.monitor.granted_caps();
  *out.mutable_position() = link.position;
  out.set_gaps(link.counts.gaps);
  out.set_lost_events(link.counts.lost);
  out.set_received(link.counts.accepted);
  for (int i = 0; i < kRejectionCount; ++i) {
    if (link.counts.rejected[i] == 0) continue;
    v1::RejectedCount& rejected = *out.add_rejected();
    rejected.set_reason(std::string(RejectionName(static_cast<Rejection>(i))));
    rejected.set_count(link.counts.rejected[i]);
  }
  if (!link.last_error.empty()) {
    out.set_last_error(link.last_error);
    *out.mutable_last_error_time() = ToProto(link.last_error_time);
  }
  *out.mutable_state_since() = ToProto(link.state_since);
  out.set_reconnects(link.reconnects);
  out.set_version(link.monitor.version());
}

}  // namespace

grpc::Status FillMonitors(const std::vector<MonitorLink::Status>& links,
                          const v1::ListMonitorsRequest& request,
                          v1::ListMonitorsResponse& response) {
  if (request.page_size() < 0) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "page_size: must be 0 or more"};
  }
  const int page_size =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  // The token is the address of the last link of the page before.
  auto link = std::find_if(links.begin(), links.end(), [&](const MonitorLink::Status& l) {
    return l.address > request.page_token();
  });
  for (; link != links.end() && response.monitors_size() < page_size; ++link) {
    FillMonitor(*link, *response.add_monitors());
  }
  if (link != links.end()) {
    response.set_next_page_token(response.monitors(response.monitors_size() - 1).address());
  }
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* GatewayService::ListMonitors(grpc::CallbackServerContext* context,
                                                       const v1::ListMonitorsRequest* request,
                                                       v1::ListMonitorsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(FillMonitors(links_.statuses(), *request, *response));
  return reactor;
}

grpc::ServerUnaryReactor* GatewayService::DescribeTables(grpc::CallbackServerContext* context,
                                                         const v1::DescribeTablesRequest* request,
                                                         v1::DescribeTablesResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(rpc::ToGrpc(queries_.Describe(*request, *response)));
  return reactor;
}

absl::Status FillAnalyzers(std::vector<v1::AnalyzerLink> analyzers,
                           const v1::ListAnalyzersRequest& request,
                           v1::ListAnalyzersResponse& response) {
  if (request.page_size() < 0) return absl::InvalidArgumentError("page_size: must be 0 or more");
  // The token is the number of those on the pages before: they are few, and do not come and go.
  size_t begin = 0;
  const std::string& token = request.page_token();
  if (!token.empty() && (!absl::SimpleAtoi(token, &begin) || begin > analyzers.size())) {
    return absl::InvalidArgumentError("page_token: is not the next_page_token of a page before");
  }
  std::ranges::sort(analyzers, [](const v1::AnalyzerLink& a, const v1::AnalyzerLink& b) {
    return std::tie(a.name(), a.address()) < std::tie(b.name(), b.address());
  });
  const int page_size =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  const size_t end = std::min(analyzers.size(), begin + static_cast<size_t>(page_size));
  for (size_t i = begin; i < end; ++i) *response.add_analyzers() = std::move(analyzers[i]);
  if (end < analyzers.size()) response.set_next_page_token(std::to_string(end));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* GatewayService::ListAnalyzers(grpc::CallbackServerContext* context,
                                                        const v1::ListAnalyzersRequest* request,
                                                        v1::ListAnalyzersResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  std::vector<v1::AnalyzerLink> analyzers;
  if (analyzers_) analyzers = analyzers_();
  reactor->Finish(rpc::ToGrpc(FillAnalyzers(std::move(analyzers), *request, *response)));
  return reactor;
}

GatewayService::GatewayService(const LinkSet& links, const QueryEngine& queries, base::Clock& clock,
                               Analyzers analyzers)
    : links_(links),
      queries_(queries),
      clock_(clock),
      analyzers_(std::move(analyzers)),
      workers_("query", kMaxQueries, kMaxQueries, clock) {}

GatewayService::~GatewayService() {
  Drain();
  workers_.Stop();
}

void GatewayService::Drain() {
  std::vector<std::shared_ptr<monitor::TaskStream>> calls;
  {
    base::MutexLock lock(mu_);
    is_draining_ = true;
    for (const auto& [id, call] : calls_) calls.push_back(call);
  }
  for (const auto& call : calls) {
    call->Stop(absl::UnavailableError("the server is shutting down"));
  }
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* GatewayService::Query(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  auto parsed = std::make_shared<v1::QueryRequest>();
  const absl::Status status = rpc::ParseRequest(*request, *parsed);
  if (!status.ok()) return rpc::RawStreamReactor::Reject(status);
  std::shared_ptr<monitor::TaskStream> call;
  {
    base::MutexLock lock(mu_);
    if (is_draining_) {
      return rpc::RawStreamReactor::Reject(absl::UnavailableError("the server is shutting down"));
    }
    // A query whose caller went away still holds its worker for a moment.
    if (running_ >= kMaxQueries) {
      return rpc::RawStreamReactor::Reject(rpc::WithRetryInfo(
          absl::ResourceExhaustedError("two queries run already"), absl::Seconds(1)));
    }
    ++running_;
    const uint64_t id = next_id_++;
    call = std::make_shared<monitor::TaskStream>(
        clock_, kWriteTimeout, [this, id, parsed] { StartQuery(id, parsed); },
        [this, id] {
          base::MutexLock done_lock(mu_);
          calls_.erase(id);
        });
    calls_[id] = call;
  }
  return rpc::RawStreamReactor::Start(*context, call);
}

void GatewayService::StartQuery(uint64_t id, std::shared_ptr<const v1::QueryRequest> request) {
  std::shared_ptr<monitor::TaskStream> call;
  {
    base::MutexLock lock(mu_);
    call = calls_.at(id);
  }
  const bool is_accepted = workers_.Submit([this, call, request] {
    // What somebody asks gives way to what happens.
    base::LowerThreadPriority();
    call->Run([&](std::stop_token stop, const monitor::TaskStream::Send& send) {
      return queries_.Run(*request, stop, [&](const v1::QueryResponse& response) {
        return send(response.SerializeAsString());
      });
    });
    base::MutexLock lock(mu_);
    --running_;
  });
  if (is_accepted) return;
  {
    base::MutexLock lock(mu_);
    --running_;
  }
  call->Stop(absl::UnavailableError("the server is shutting down"));
}

}  // namespace daemoneye::gateway
