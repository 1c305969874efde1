#include "services/collector_gateway/alert_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"
#include "libs/rpc/caller_name.h"
#include "libs/rpc/raw_stream_reactor.h"
#include "libs/rpc/raw_unary.h"
#include "libs/rpc/status_conversion.h"
#include "services/collector_gateway/alert_requests.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using google::protobuf::util::TimeUtil;
using rpc::RawStreamReactor;

constexpr char kAcknowledge[] = "/daemoneye.v1.AlertService/AcknowledgeAlert";
constexpr char kReplay[] = "/daemoneye.v1.AlertService/ReplayDeadLetters";
constexpr size_t kMaxPageBytes = 1 << 20;

absl::Status Busy(std::string_view what) {
  return rpc::WithRetryInfo(absl::ResourceExhaustedError(fmt::format("too many {}", what)),
                            absl::Seconds(1));
}

absl::Status ShuttingDown() { return absl::UnavailableError("the server is shutting down"); }

}  // namespace

AlertService::AlertService(storage::AlertStore& store, alerting::Outbox& outbox,
                           storage::AuditLog* audit, base::Clock& clock)
    : store_(store),
      outbox_(outbox),
      audit_(audit),
      clock_(clock),
      loop_(clock),
      workers_("alert-calls", 1, kMaxQueuedCalls, clock) {}

AlertService::~AlertService() {
  Drain();
  workers_.Stop();
  loop_.Stop();
}

void AlertService::Drain() {
  std::vector<std::shared_ptr<AlertStream>> streams;
  {
    const MutexLock lock(mu_);
    is_draining_ = true;
    for (const auto& [id, stream] : streams_) streams.push_back(stream);
  }
  for (const auto& stream : streams) stream->Drain();
}

size_t AlertService::stream_count() const {
  const MutexLock lock(mu_);
  return streams_.size();
}

absl::Status AlertService::CheckRoomLocked() const {
  if (is_draining_) return ShuttingDown();
  return streams_.size() >= kMaxStreams ? Busy("streams of alerts") : absl::OkStatus();
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* AlertService::StreamAlerts(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  AlertStreamOptions options;
  absl::Status status = rpc::ParseRequest(*request, options.request);
  if (status.ok()) status = Validate(options.request);
  if (!status.ok()) return RawStreamReactor::Reject(status);
  std::shared_ptr<AlertStream> stream;
  {
    const MutexLock lock(mu_);
    status = CheckRoomLocked();
    if (!status.ok()) return RawStreamReactor::Reject(status);
    const uint64_t id = next_id_++;
    options.on_done = [this, id] {
      const MutexLock done_lock(mu_);
      streams_.erase(id);
    };
    stream = AlertStream::Create(std::move(options), store_, loop_, clock_);
    streams_[id] = stream;
  }
  return RawStreamReactor::Start(*context, std::move(stream));
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* AlertService::OnWorker(
    grpc::CallbackServerContext& context, const grpc::ByteBuffer& request,
    grpc::ByteBuffer& response, std::function<absl::Status(const Request&, Response&)> answer) {
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  Request parsed;
  absl::Status status = rpc::ParseRequest(request, parsed);
  if (status.ok()) status = Validate(parsed);
  if (!status.ok()) {
    reactor->Finish(rpc::ToGrpc(status));
    return reactor;
  }
  const bool is_accepted =
      workers_.Submit([reactor, &response, parsed = std::move(parsed), answer = std::move(answer)] {
        Response out;
        const absl::Status answered = answer(parsed, out);
        if (answered.ok()) response = rpc::SerialiseResponse(out);
        reactor->Finish(rpc::ToGrpc(answered));
      });
  if (!is_accepted) reactor->Finish(rpc::ToGrpc(Busy("calls at once")));
  return reactor;
}

grpc::ServerUnaryReactor* AlertService::ListAlerts(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return OnWorker<v1::ListAlertsRequest, v1::ListAlertsResponse>(
      *context, *request, *response, [this](const auto& in, auto& out) { return List(in, out); });
}

absl::Status AlertService::List(const v1::ListAlertsRequest& request,
                                v1::ListAlertsResponse& response) const {
  ASSIGN_OR_RETURN(const uint64_t before, ParseAlertPageToken(request.page_token()));
  const int page_size =
      request.page_size() == 0 ? kDefaultAlertPage : std::min(request.page_size(), kMaxAlertPage);
  // One more than asked for tells whether there is another page.
  ASSIGN_OR_RETURN(std::vector<v1::Alert> alerts,
                   store_.List(request.filter(), before, static_cast<size_t>(page_size) + 1));
  size_t bytes = 0;
  for (v1::Alert& alert : alerts) {
    bytes += alert.ByteSizeLong();
    const int size = response.alerts_size();
    if (size == page_size || (size > 0 && bytes > kMaxPageBytes)) break;
    *response.add_alerts() = std::move(alert);
  }
  if (static_cast<size_t>(response.alerts_size()) < alerts.size()) {
    response.set_next_page_token(
        std::to_string(response.alerts(response.alerts_size() - 1).sequence()));
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AlertService::AcknowledgeAlert(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  return OnWorker<v1::AcknowledgeAlertRequest, v1::AcknowledgeAlertResponse>(
      *context, *request, *response,
      [this, actor = rpc::CertificateName(*context)](const auto& in, auto& out) {
        return Acknowledge(actor, in, out);
      });
}

absl::Status AlertService::Acknowledge(const std::string& actor,
                                       const v1::AcknowledgeAlertRequest& request,
                                       v1::AcknowledgeAlertResponse& response) {
  const std::string& by = !actor.empty()                       ? actor
                          : !request.acknowledged_by().empty() ? request.acknowledged_by()
                                                               : rpc::kLocalOperator;
  const absl::Time now = clock_.Now();
  absl::StatusOr<v1::Alert> alert = store_.Acknowledge(request.id(), by, request.comment(), now);
  Audit(actor, kAcknowledge, request.id(), alert.status(),
        fmt::format("by {}: {}", by, request.comment()));
  RETURN_IF_ERROR(alert.status());
  *response.mutable_alert() = *std::move(alert);
  return absl::OkStatus();
}

void AlertService::Audit(const std::string& actor, const char* method, const std::string& target,
                         const absl::Status& outcome, const std::string& details) {
  if (audit_ == nullptr) return;
  const absl::Status kept = audit_
                                ->Append({.time = clock_.Now(),
                                          .actor = actor.empty() ? rpc::kLocalOperator : actor,
                                          .role = "operator",
                                          .method = method,
                                          .target = target,
                                          .outcome = absl::StatusCodeToString(outcome.code()),
                                          .details = details})
                                .status();
  if (!kept.ok()) logging::Warning("audit row not kept", {{"error", kept}});
}

grpc::ServerUnaryReactor* AlertService::ListDeadLetters(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return OnWorker<v1::ListDeadLettersRequest, v1::ListDeadLettersResponse>(
      *context, *request, *response,
      [this](const auto& in, auto& out) { return ListDead(in, out); });
}

absl::Status AlertService::ListDead(const v1::ListDeadLettersRequest& request,
                                    v1::ListDeadLettersResponse& response) const {
  ASSIGN_OR_RETURN(const storage::DeadLetterPosition after,
                   ParseDeadLetterPageToken(request.page_token()));
  const int page_size =
      request.page_size() == 0 ? kDefaultAlertPage : std::min(request.page_size(), kMaxAlertPage);
  // One more than asked for tells whether there is another page.
  ASSIGN_OR_RETURN(std::vector<storage::Delivery> letters,
                   store_.DeadLetters({.sink = request.sink(), .alert_id = request.alert_id()},
                                      after, static_cast<size_t>(page_size) + 1));
  size_t bytes = 0;
  for (storage::Delivery& letter : letters) {
    bytes += letter.alert.ByteSizeLong();
    const int size = response.dead_letters_size();
    if (size == page_size || (size > 0 && bytes > kMaxPageBytes)) {
      response.set_next_page_token(DeadLetterPageToken(response.dead_letters(size - 1)));
      break;
    }
    v1::DeadLetter& out = *response.add_dead_letters();
    out.set_sink(std::move(letter.sink));
    *out.mutable_alert() = std::move(letter.alert);
    out.set_attempts(letter.attempts);
    out.set_last_error(std::move(letter.last_error));
    *out.mutable_queued_at() = TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(letter.created));
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AlertService::ReplayDeadLetters(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return OnWorker<v1::ReplayDeadLettersRequest, v1::ReplayDeadLettersResponse>(
      *context, *request, *response,
      [this, actor = rpc::CertificateName(*context)](const auto& in, auto& out) {
        return Replay(actor, in, out);
      });
}

absl::Status AlertService::Replay(const std::string& actor,
                                  const v1::ReplayDeadLettersRequest& request,
                                  v1::ReplayDeadLettersResponse& response) {
  const absl::StatusOr<uint64_t> replayed = outbox_.Replay(request.sink(), request.alert_id());
  const std::string target =
      fmt::format("sink={} alert={}", request.sink().empty() ? "*" : request.sink(),
                  request.alert_id().empty() ? "*" : request.alert_id());
  Audit(actor, kReplay, target, replayed.status(),
        replayed.ok() ? fmt::format("{} dead letters are pending again", *replayed)
                      : std::string(replayed.status().message()));
  RETURN_IF_ERROR(replayed.status());
  logging::Info("dead letters are tried again",
                {{"actor", actor.empty() ? rpc::kLocalOperator : actor},
                 {"target", target},
                 {"letters", *replayed}});
  response.set_replayed(*replayed);
  return absl::OkStatus();
}

}  // namespace daemoneye::gateway
